"""The files of an offer's releases on this machine: <home>/managed_app/<offer>/<version>/.

What belongs here: where they lie, and writing the package. What is in them is `package.py`'s and `marketplace.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from o365_pipeline.managed_app.offer import Offer

if TYPE_CHECKING:
    from o365_pipeline.managed_app.package import Package


@dataclass(frozen=True)
class Releases:
    """A folder of releases."""

    folder: Path

    def package_file(self, offer: Offer) -> Path:
        """Where the offer's package lies."""
        return self._of(offer) / f"{offer.name}-{offer.version}.zip"

    def marketplace(self, offer: Offer) -> Path:
        """The folder of what Partner Center is told."""
        return self._of(offer) / "marketplace"

    def write_package(self, offer: Offer, package: Package) -> Path:
        """Write the package over the one of that version; returns its file."""
        path = self.package_file(offer)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(package.content)
        return path

    def _of(self, offer: Offer) -> Path:
        return self.folder / offer.name / offer.version
