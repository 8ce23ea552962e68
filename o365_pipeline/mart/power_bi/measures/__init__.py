"""The measures of the semantic model, one file for each page of the report.

What belongs here: measures as data, and the list of them all.
"""

from o365_pipeline.mart.power_bi.measures.measure import Measure
from o365_pipeline.mart.power_bi.measures.oversharing import OVERSHARING
from o365_pipeline.mart.power_bi.measures.relations import RELATIONS
from o365_pipeline.mart.power_bi.measures.storage import STORAGE
from o365_pipeline.mart.power_bi.measures.work import WORK

MEASURES: tuple[Measure, ...] = (*WORK, *RELATIONS, *OVERSHARING, *STORAGE)
"""All measures, in the order in which they are written."""
