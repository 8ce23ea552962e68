"""Where Power BI finds the mart: the query in M that gives a view's rows.

What belongs here: the kinds of servers, and what they want to be asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from o365_pipeline.errors import UsageError
from o365_pipeline.mart.power_bi.tmdl import text


class ServerKind(Enum):
    """A kind of server that Power BI and the mart both know: its function in M, and the schema of the views."""

    SQL_SERVER = ("Sql.Database", "dbo")
    POSTGRESQL = ("PostgreSQL.Database", "public")


@dataclass(frozen=True)
class Source:
    """A server and a database on it; a project asks for both by parameters.

    Raises:
        UsageError: a name is empty, or more than one line.
    """

    kind: ServerKind
    server: str
    database: str

    def __post_init__(self) -> None:
        for name, value in (("server", self.server), ("database", self.database)):
            if not value.strip() or not value.isprintable():
                raise UsageError(f"the {name} is {value!r}: expected a name in one line")

    def rows(self, view: str) -> str:
        """Returns the query of a view's rows."""
        function, schema = self.kind.value
        return (
            "let\n"
            f"\tSource = {function}(Server, Database),\n"
            f"\tRows = Source{{[Schema = {text(schema)}, Item = {text(view)}]}}[Data]\n"
            "in\n"
            "\tRows"
        )
