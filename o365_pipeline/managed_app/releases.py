"""Where the files of an offer's releases lie on this machine: <home>/managed_app/<offer>/<version>/.

What belongs here: their folders. What is in them is `package.py`'s and `marketplace.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from o365_pipeline.managed_app.offer import Offer


@dataclass(frozen=True)
class Releases:
    """A folder of releases."""

    home: Path

    def of(self, offer: Offer) -> Path:
        """The folder of the offer's version, in which its package lies."""
        return self.home / offer.name / offer.version

    def marketplace(self, offer: Offer) -> Path:
        """The folder of what Partner Center is told."""
        return self.of(offer) / "marketplace"
