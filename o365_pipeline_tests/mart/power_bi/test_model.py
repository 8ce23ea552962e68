"""The semantic model, as readers find it that are not ours: whole, without a name that leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from coop_dax_review.engine import run_rules
from coop_dax_review.parsers.pbir import parse_report_references
from coop_dax_review.parsers.tmdl import parse_tmdl_model
from coop_dax_review.rules import all_rules
from pbix_mcp.formats.tmdl_reader import parse_tmdl_document

from o365_pipeline.mart.power_bi.measures import MEASURES
from o365_pipeline.mart.power_bi.project import MODEL, REPORT
from o365_pipeline.mart.star.model import star_model
from o365_pipeline_tests.mart.power_bi.conftest import CUSTOMERS

Columns = Mapping[str, Mapping[str, dict[str, Any]]]

NAMED_COLUMN = re.compile(r"'([^']+)'\[([^\]]+)\]")
NAMED_MEASURE = re.compile(r"(?<!')\[([^\]]+)\]")

MANY, ONE = 2, 1

OTHER_TASTE = {
    # Wants names as "Category: Name"; display folders say it.
    "DAX-MEASURE-CATEGORY",
    # The star has them, for measures of one's own.
    "DAX-DEAD-INACTIVE-RELATIONSHIP",
    # Wants a comment above the DAX; the description says it.
    "DAX-COMPLEX-NO-HEADER",
    "DAX-VAR-RETURN",
}
"""Rules of the linter that this model does not follow, and why."""


@pytest.fixture(scope="module")
def texts(project: Path) -> Mapping[str, str]:
    """The model's files."""
    folder = project / MODEL
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.tmdl"))}


def test_a_linter_finds_nothing_but_what_is_of_another_taste(project: Path, texts: Mapping[str, str]) -> None:
    catalog = parse_tmdl_model("Office 365", dict(texts))
    catalog.report_refs.extend(parse_report_references(project / REPORT))
    catalog.reports_scanned = 1
    found = run_rules([catalog], all_rules())

    assert {one.rule_id for one in found.findings} <= OTHER_TASTE
    assert found.diagnostics == []
    assert (len(catalog.measures), len(catalog.report_refs) > 80) == (len(MEASURES), True)
    assert catalog.date_table == "Calendar"
    assert [measure.name for measure in catalog.measures if not (measure.description and measure.format_string)] == []


def test_the_model_has_each_table_and_column_of_the_star(columns: Columns) -> None:
    wanted = {table.caption: {column.name for column in table.columns} for table in star_model().tables}
    found = {name: {column["source_column"] for column in table.values()} for name, table in columns.items()}

    assert found.pop("Measures") == {"Nothing"}
    assert found.pop("Counterpart") == wanted["Person"]
    assert found == wanted


def test_keys_are_hidden_and_what_people_read_is_not(columns: Columns) -> None:
    assert {column["is_hidden"] for column in columns["Person"].values() if column["name"].endswith("key")} == {True}
    assert not columns["Person"]["Display name"]["is_hidden"]
    assert not columns["Calendar"]["Date"]["is_hidden"]
    assert columns["Mail"]["Date"]["is_hidden"]


def test_numbers_that_do_not_add_up_are_not_summed(columns: Columns) -> None:
    summed = {"none": 2, "sum": 3}
    for table in star_model().tables:
        for column in table.columns:
            [found] = [one for one in columns[table.caption].values() if one["source_column"] == column.name]
            assert found["summarize_by"] == summed["sum" if column.is_summed else "none"]


def test_each_side_of_a_relationship_is_a_column_of_one_type(model: dict[str, Any], columns: Columns) -> None:
    for one in model["relationships"]:
        many = columns[one["from_table"]][one["from_column"]]
        key = columns[one["to_table"]][one["to_column"]]
        assert many["tmdl_data_type"] == key["tmdl_data_type"]
        assert key["is_key"] and (one["from_cardinality"], one["to_cardinality"]) == (MANY, ONE)


def test_between_two_tables_there_is_one_active_way(model: dict[str, Any]) -> None:
    active = [one for one in model["relationships"] if one["is_active"]]
    ways = nx.MultiDiGraph([(one["from_table"], one["to_table"]) for one in active])

    assert nx.is_directed_acyclic_graph(ways)
    for start in ways:
        for end in set(ways) - {start}:
            assert len(list(nx.all_simple_edge_paths(ways, start, end))) <= 1, (start, end)


def test_the_other_one_of_two_people_is_related_to_both_facts_of_pairs(model: dict[str, Any]) -> None:
    found = {
        (one["from_table"], one["from_column"])
        for one in model["relationships"]
        if one["to_table"] == "Counterpart" and one["is_active"]
    }

    assert found == {("Collaboration day", "Person b key"), ("Response day", "Counterpart key")}


def test_months_and_weekdays_are_sorted_by_their_numbers(columns: Columns) -> None:
    found = {
        (table, name): column["sort_by_column"]
        for table, of_table in columns.items()
        for name, column in of_table.items()
        if column["sort_by_column"]
    }

    assert found == {("Calendar", "Month name"): "Month", ("Calendar", "Weekday name"): "Weekday"}
    assert all(by in columns[table] for (table, _), by in found.items())


def test_a_measure_names_columns_and_measures_that_there_are(
    measures: Mapping[str, dict[str, Any]], columns: Columns
) -> None:
    assert set(measures) == {measure.name for measure in MEASURES} and len(MEASURES) == len(measures)
    for name, measure in measures.items():
        for table, column in NAMED_COLUMN.findall(measure["expression"]):
            assert column in columns[table], (name, table, column)
        assert set(NAMED_MEASURE.findall(measure["expression"])) <= set(measures), name


def test_no_measure_does_what_power_bi_refuses_members_of_a_role(measures: Mapping[str, dict[str, Any]]) -> None:
    refused = ("USERELATIONSHIP", "CROSSFILTER")

    assert not [name for name, one in measures.items() if any(word in one["expression"] for word in refused)]


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_a_role_restricts_every_table_that_has_rows_of_customers(
    texts: Mapping[str, str], columns: Columns, customer: str
) -> None:
    of_customers = {name for name, table in columns.items() if "Customer" in table}
    [role] = [node for node in parse_tmdl_document(texts[f"definition/roles/{customer}.tmdl"]) if node.kind == "role"]

    assert set(columns) - of_customers == {"Calendar", "Measures"}
    assert (role.kind, role.name, role.props) == ("role", customer, {"modelPermission": "read"})
    assert {one.name: one.expression for one in role.all("tablePermission")} == dict.fromkeys(
        of_customers, f'[Customer] = "{customer}"'
    )


def test_the_model_refers_to_each_table_and_role(model: dict[str, Any], texts: Mapping[str, str]) -> None:
    named = re.findall(r"^ref (table|role) '?([^']+?)'?$", texts["definition/model.tmdl"], re.MULTILINE)

    assert {name for kind, name in named if kind == "table"} == {table["name"] for table in model["tables"]}
    assert {name for kind, name in named if kind == "role"} == {role["name"] for role in model["roles"]} == {*CUSTOMERS}


def test_a_table_is_read_from_its_view_on_the_server_that_the_parameters_name(model: dict[str, Any]) -> None:
    [partition] = next(table["partitions"] for table in model["tables"] if table["name"] == "Mail")

    assert partition["source"].splitlines()[1:3] == [
        "\tSource = Sql.Database(Server, Database),",
        '\tRows = Source{[Schema = "dbo", Item = "star_mail"]}[Data]',
    ]
    assert {one["name"]: one["expression"].partition(" meta ")[0] for one in model["expressions"]} == {
        "Server": '"mart.example"',
        "Database": '"office"',
    }


def test_descriptions_call_tables_as_the_model_does(texts: Mapping[str, str]) -> None:
    described = [line for text in texts.values() for line in text.splitlines() if line.lstrip().startswith("///")]

    assert [line for line in described if re.search(r"\b(star|dim|fact|bridge|agg)_", line)] == []


def test_names_differ_by_more_than_case(columns: Columns) -> None:
    """Power BI tells no case apart, nor do the file systems of the machines that it runs on."""
    for names in (list(columns), *(list(table) for table in columns.values()), [one.name for one in MEASURES]):
        assert len({name.casefold() for name in names}) == len(names)


def test_ids_are_unique_within_the_model(texts: Mapping[str, str]) -> None:
    ids = re.findall(r"lineageTag: (\S+)", "\n".join(texts.values()))

    assert len(ids) == len(set(ids)) > 700
