"""Output of commands: progress as a bar, or as plain lines where that is no terminal; answers as text, JSON or CSV.

What belongs here: progress, tables, days. The content belongs to the commands.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import wraps
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PLAIN_SECONDS = 2.0
"""The shortest pause between two lines of progress if the output is not a terminal."""


DAY = click.DateTime(formats=["%Y-%m-%d"])
"""The type of a day in a command's arguments."""


WHOLE = 10_000
"""Columns of an output that is no terminal: no table is folded where a program or a file takes it."""


COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal takes for commands, or orders letters by, and halves of letters."""


def printable(text: str) -> str:
    """Returns a text, or JSON, that tells a terminal to do nothing: whoever names a site or writes a mail may try."""
    return COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def stdout() -> Console:
    """Returns the console for a command's answers; where it is piped, tables are as wide as what they hold."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = shutil.get_terminal_size((WHOLE, 0)).columns
    return console


class Answer:
    """What a reading command answers, in the form that was asked for: tables and notes.

    Text is printed as it comes. JSON is one object when all is there: a list of objects for each table, by its name,
    and the notes under `notes`. CSV is the table alone; its notes go to the standard error.
    """

    def __init__(self, form: str | None) -> None:
        self._form = form
        self._parts: dict[str, Any] = {}

    def table(
        self,
        name: str,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        keys: Sequence[str] | None = None,
        total: Sequence[object] | None = None,
        line: Callable[..., str] | None = None,
        of: Mapping[str, object] | None = None,
    ) -> None:
        """Adds rows.

        Args:
            name: the key of the rows in JSON; tables of the same name become one list.
            columns: the headings of the text.
            keys: the names of the columns in JSON and CSV. Default: the headings with underscores.
            total: a last row of the text; in JSON an object of its own, in CSV left out.
            line: makes a line of text of a row, where a table would not be read more easily.
            of: what all these rows have in common, for JSON and CSV; the title says it in the text.
        """
        body = list(rows)
        if self._form is None:
            if line:
                for row in body:
                    click.echo(printable(line(*row)))
            else:
                stdout().print(table(title, columns, [*body, *([total] if total else [])]))
            return
        names = [*(of or {}), *(keys or map(_key, columns))]
        first = [*(of or {}).values()]
        known = self._parts.setdefault(name, [])
        if self._form == "csv":
            lines = [*([] if known else [names]), *([*first, *row] for row in body)]
            if sys.stdout.isatty():
                lines = [[printable(value) if isinstance(value, str) else value for value in row] for row in lines]
            csv.writer(sys.stdout, lineterminator="\n").writerows(lines)
        known.extend(dict(zip(names, [*first, *row], strict=True)) for row in body)
        if total:
            self._parts[f"{name}_total"] = dict(zip(names, [*first, *total], strict=True))

    def note(self, text: str) -> None:
        """Adds a line that is no row."""
        if self._form == "json":
            self._parts.setdefault("notes", []).append(text)
        else:
            click.echo(printable(text), err=self._form == "csv")

    def end(self) -> None:
        """Prints what is printed when all is there."""
        if self._form == "json" and self._parts:
            click.echo(printable(json.dumps(self._parts, indent=2, ensure_ascii=False, default=_json_value)))


def answering(*, as_csv: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command its `answer`, and the options that say in which form it is printed.

    Args:
        as_csv: whether what it shows is one table.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def answered(*args: Any, form: str | None, **options: Any) -> None:
            answer = Answer(form)
            try:
                command(*args, answer=answer, **options)
            finally:
                answer.end()

        described = click.option("--json", "form", flag_value="json", help="Print one JSON object.")(answered)
        if as_csv:
            described = click.option("--csv", "form", flag_value="csv", help="Print rows as CSV.")(described)
        return described

    return decorate


def _key(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")


def _json_value(value: object) -> object:
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)


@contextmanager
def progress(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows how much is done; the block calls the yielded function with the number done so far."""
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    started = told_at = time.monotonic()
    told = -1

    def report(done: int) -> None:
        nonlocal told, told_at
        now = time.monotonic()
        if done != told and (done == total or now - told_at >= PLAIN_SECONDS):
            told, told_at = done, now
            console.print(f"{what}: {done} of {total} ({now - started:.0f} s)")

    console.print(f"{what} ...")
    yield report


def table(title: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> Table:
    """Makes a table for the terminal; numbers are right-aligned, money (Decimal) has two decimals."""
    body = [list(row) for row in rows]
    shown = Table(title=title, title_justify="left", title_style="bold")
    for place, name in enumerate(columns):
        numeric = bool(body) and all(isinstance(row[place], (int, float, Decimal)) for row in body)
        shown.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=place == 0)
    for row in body:
        shown.add_row(*map(_cell, row))
    return shown


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else printable(str(value))
