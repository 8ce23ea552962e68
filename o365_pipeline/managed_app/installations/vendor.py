"""The vendor: the offer that it sells, and what it needs to look after its installations.

What belongs here: what the deployment passes to the sensors and jobs of the managed application; not their work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from pydantic import SecretStr

from o365_pipeline.managed_app.installations.installations import InstalledCustomers
from o365_pipeline.managed_app.offer import Offer


@dataclass(frozen=True)
class Vendor:
    """The vendor that sells the offer.

    Args:
        application_secret: reads the secret of the data request's application; called when it is needed.
        installed: the customers that installed the offer.
        configured: the names of customers that exist without an installation.
    """

    offer: Offer
    application_secret: Callable[[], SecretStr]
    installed: InstalledCustomers
    configured: Collection[str] = ()
