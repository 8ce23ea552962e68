"""How a model is written in TMDL, Power BI's language for models as text.

What belongs here: the language alone: names, descriptions, properties, expressions and what is inside of what.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

IDS = uuid.UUID("0b5f4c2e-6f0b-5c1e-9a34-2f6f1d0c7e11")
"""What all ids are derived from: the same name has the same id in every project."""


@dataclass
class TmdlObject:
    """An object: `table Mail`, its properties, and the objects inside of it.

    Args:
        expression: what stands behind the equals sign: DAX, M or a word.
        properties: (name, value); a value of True is written as the name alone, one of None is left out.
    """

    kind: str
    name: str = ""
    description: str = ""
    expression: str = ""
    properties: tuple[tuple[str, str | bool | None], ...] = ()
    children: list[TmdlObject] = field(default_factory=list)

    def lines(self, depth: int = 0) -> Iterable[str]:
        """Gives the object's lines, indented by tabs."""
        indent = "\t" * depth
        for line in self.description.splitlines():
            yield f"{indent}/// {line}"
        head = f"{indent}{self.kind} {quoted(self.name)}" if self.name else f"{indent}{self.kind}"
        yield from _assigned(head, self.expression, depth)
        for name, value in self.properties:
            if value is True:
                yield f"{indent}\t{name}"
            elif isinstance(value, str) and "\n" in value:
                yield from _assigned(f"{indent}\t{name}", value, depth + 1)
            elif value is not None:
                yield f"{indent}\t{name}: {str(value).lower() if isinstance(value, bool) else value}"
        for child in self.children:
            if child.children or child.properties or child.description:
                yield ""
            yield from child.lines(depth + 1)


def document(objects: Iterable[TmdlObject]) -> str:
    """Returns the text of a file."""
    return "\n\n".join("\n".join(one.lines()) for one in objects) + "\n"


def quoted(name: str) -> str:
    """Returns a name, in quotes where the language wants them."""
    return "'" + name.replace("'", "''") + "'" if re.search(r"[\s.=:']", name) else name


def reference(table: str, column: str) -> str:
    """Returns a column as a relationship names it."""
    return f"{quoted(table)}.{quoted(column)}"


def text(value: str) -> str:
    """Returns a text of M or DAX."""
    return '"' + value.replace('"', '""') + '"'


def derived_id(*names: str) -> str:
    """Returns the id of what has these names."""
    return str(uuid.uuid5(IDS, "\n".join(names)))


def _assigned(head: str, expression: str, depth: int) -> Iterable[str]:
    if "\n" not in expression:
        yield f"{head} = {expression}" if expression else head
        return
    yield f"{head} ="
    indent = "\t" * (depth + 2)
    for line in expression.splitlines():
        yield f"{indent}{line}"
