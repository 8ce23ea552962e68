"""The catalogue of Data Connect datasets that drives every stage."""

from o365_pipeline.datasets.catalogue import Catalogue, catalogue
from o365_pipeline.datasets.model import (
    SYSTEM_COLUMNS,
    UNKNOWN_COLUMNS,
    Column,
    Dataset,
    other_case,
    short_name,
    snake_case,
)

__all__ = [
    "SYSTEM_COLUMNS",
    "UNKNOWN_COLUMNS",
    "Catalogue",
    "Column",
    "Dataset",
    "catalogue",
    "other_case",
    "short_name",
    "snake_case",
]
