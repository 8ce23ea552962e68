"""The vendor: the offer that it sells, with what it needs to look after its installations.

What belongs here: what the deployment hands to sensors and jobs of the managed application, and no work of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from pydantic import SecretStr

from o365_pipeline.managed_app.installations.installations import InstalledCustomers
from o365_pipeline.managed_app.offer import Offer


@dataclass(frozen=True)
class Vendor:
    """Who sells the offer.

    Args:
        application_secret: gives the secret of the data request's application; asked when it is needed.
        installed: the customers that installed the offer.
        configured: the names of customers that are there without it.
    """

    offer: Offer
    application_secret: Callable[[], SecretStr]
    installed: InstalledCustomers
    configured: Collection[str] = ()
