"""The semantic model of the project, in TMDL.

What belongs here: the model's files: tables with columns and the query that fills them, measures, relationships,
parameters and roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from o365_pipeline.mart.power_bi.measures import MEASURES
from o365_pipeline.mart.power_bi.source import Source
from o365_pipeline.mart.power_bi.tables import (
    CALENDAR,
    MEASURE_TABLE,
    ModelColumn,
    ModelTable,
    model_relationships,
    model_tables,
)
from o365_pipeline.mart.power_bi.tmdl import TmdlObject, derived_id, document, quoted, reference, text

CULTURE = "en-US"

EMPTY_QUERY = "let\n\tSource = #table(type table [Nothing = text], {})\nin\n\tSource"


def model_files(source: Source, customers: Sequence[str]) -> Mapping[str, str]:
    """Returns the files of the model's definition.

    Args:
        customers: whose roles are written; a member of a role sees the rows of its customer alone.
    """
    tables = [_measure_table(), *(_table(table, source) for table in model_tables())]
    files = {
        "database.tmdl": document([TmdlObject("database", properties=(("compatibilityLevel", "1567"),))]),
        "model.tmdl": _model([table.name for table in tables], customers),
        "expressions.tmdl": document(_parameters(source)),
        "relationships.tmdl": document(_relationships()),
    }
    files |= {f"tables/{table.name}.tmdl": document([table]) for table in tables}
    return files | {f"roles/{customer}.tmdl": document([_role(customer)]) for customer in customers}


def _model(tables: Sequence[str], customers: Sequence[str]) -> str:
    model = TmdlObject(
        "model",
        "Model",
        properties=(
            ("culture", CULTURE),
            ("defaultPowerBIDataSourceVersion", "powerBI_V3"),
            ("sourceQueryCulture", CULTURE),
        ),
        children=[
            TmdlObject("dataAccessOptions", properties=(("legacyRedirects", True), ("returnErrorValuesAsNull", True)))
        ],
    )
    no_hidden_calendars = TmdlObject("annotation", "__PBI_TimeIntelligenceEnabled", expression="0")
    refs = [f"ref table {quoted(table)}" for table in tables] + [f"ref role {quoted(name)}" for name in customers]
    return document([model, no_hidden_calendars]) + "\n" + "\n".join(refs) + "\n"


def _parameters(source: Source) -> Iterable[TmdlObject]:
    for name, value, description in (
        ("Server", source.server, "The server that holds the mart"),
        ("Database", source.database, "The mart's database on the server"),
    ):
        yield TmdlObject(
            "expression",
            name,
            description,
            f'{text(value)} meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]',
            (("lineageTag", derived_id("expression", name)),),
        )


def _table(table: ModelTable, source: Source) -> TmdlObject:
    return TmdlObject(
        "table",
        table.name,
        table.description,
        properties=(
            ("lineageTag", derived_id("table", table.name)),
            ("dataCategory", "Time" if table.name == CALENDAR else None),
        ),
        children=[
            *(_column(table, column) for column in table.columns),
            _partition(table.name, source.rows(table.view)),
        ],
    )


def _column(table: ModelTable, column: ModelColumn) -> TmdlObject:
    return TmdlObject(
        "column",
        column.name,
        column.description,
        properties=(
            ("dataType", column.data_type),
            ("isHidden", column.is_hidden or None),
            ("isKey", column.is_key or None),
            ("formatString", column.format),
            ("displayFolder", column.folder),
            ("lineageTag", derived_id("column", table.name, column.name)),
            ("summarizeBy", "sum" if column.is_summed else "none"),
            ("sourceColumn", column.source),
            ("sortByColumn", quoted(column.sorted_by) if column.sorted_by else None),
        ),
    )


def _partition(table: str, query: str) -> TmdlObject:
    return TmdlObject("partition", table, expression="m", properties=(("mode", "import"), ("source", query)))


def _measure_table() -> TmdlObject:
    nothing = ModelColumn("Nothing", "Nothing", "string", "Holds nothing: the table is there for its measures", True)
    table = ModelTable(MEASURE_TABLE, "", "What reports count and sum.", (nothing,))
    measures = [
        TmdlObject(
            "measure",
            measure.name,
            measure.description,
            measure.dax,
            (
                ("formatString", measure.format),
                ("displayFolder", measure.folder),
                ("lineageTag", derived_id("measure", measure.name)),
            ),
        )
        for measure in MEASURES
    ]
    return TmdlObject(
        "table",
        table.name,
        table.description,
        properties=(("lineageTag", derived_id("table", table.name)),),
        children=[*measures, _column(table, nothing), _partition(table.name, EMPTY_QUERY)],
    )


def _relationships() -> Iterable[TmdlObject]:
    for one in model_relationships():
        yield TmdlObject(
            "relationship",
            derived_id("relationship", *one.many, *one.one),
            properties=(
                ("isActive", None if one.is_active else False),
                ("fromCardinality", "many"),
                ("toCardinality", "one"),
                ("crossFilteringBehavior", "oneDirection"),
                ("fromColumn", reference(*one.many)),
                ("toColumn", reference(*one.one)),
            ),
        )


def _role(customer: str) -> TmdlObject:
    """A role that filters every table that belongs to customers: not all of them are related to the customer."""
    tables = [table for table in model_tables() if table.is_of_customers]
    rows = f"[Customer] = {text(customer)}"
    return TmdlObject(
        "role",
        customer,
        f"Sees the rows of {customer} alone",
        properties=(("modelPermission", "read"),),
        children=[TmdlObject("tablePermission", table.name, expression=rows) for table in tables],
    )
