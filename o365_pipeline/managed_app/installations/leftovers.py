"""What a deleted managed application leaves: lake and mart may have been deleted with the managed resource group.

What belongs here: telling what is gone from what does not answer now. Deleting the rest belongs to `purge/`.
"""

from __future__ import annotations

import sqlalchemy as sa
from azure.core.exceptions import HttpResponseError
from obstore.store import MemoryStore

from o365_pipeline.customers.customer import Customer
from o365_pipeline.errors import DatabaseError, DatabaseUnavailableError, ExtractionError, LakeError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.installations.applications import FORBIDDEN, NOT_FOUND
from o365_pipeline.mart.marts import Marts
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lake_errors import LakeAccess
from o365_pipeline.raw.lakes import Lakes


def lake_to_purge(lakes: Lakes, factory: DataFactory, customer: Customer) -> Lake:
    """Returns the customer's lake; an empty one if it was deleted with the managed resource group."""
    try:
        lake = lakes.of(customer)
        lake.folders("raw")
        return lake
    except LakeError:
        if not _is_gone(factory, customer):
            raise
        return Lake(customer.sink, MemoryStore(), LakeAccess(customer.sink))


def marts_to_purge(marts: Marts, factory: DataFactory, customer: Customer) -> Marts:
    """Returns the marts; without the customer's own if it was deleted with the managed resource group."""
    if not marts.has_own_mart(customer.name):
        return marts
    try:
        with marts[customer.name].begin() as connection:
            connection.execute(sa.select(1))
    except (DatabaseError, DatabaseUnavailableError, sa.exc.SQLAlchemyError):
        if not _is_gone(factory, customer):
            raise
        return Marts(marts.default)
    return marts


def _is_gone(factory: DataFactory, customer: Customer) -> bool:
    """Tells whether the managed resource group is gone: then its factory is not found, or access to it is refused."""
    try:
        factory.region(customer)
    except ExtractionError as error:
        cause = error.__cause__
        return isinstance(cause, HttpResponseError) and cause.status_code in (NOT_FOUND, FORBIDDEN)
    return False
