"""The catalogue of Data Connect's datasets, which drives every stage.

What belongs here: names, columns, types, keys, date filters and price families of datasets. What a customer asks for
belongs to `customers/`; what is done with the rows belongs to the stages.
"""

from o365_pipeline.datasets.catalogue import Catalogue, catalogue
from o365_pipeline.datasets.model import (
    PARTITION_COLUMNS,
    SYSTEM_COLUMNS,
    UNKNOWN_COLUMNS,
    Column,
    Dataset,
    other_case,
    short_name,
    snake_case,
)

__all__ = [
    "PARTITION_COLUMNS",
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
