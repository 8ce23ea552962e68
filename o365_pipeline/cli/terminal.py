"""Output of commands on a terminal: progress as a bar, or as plain lines if the output is not a terminal.

What belongs here: progress, tables, days. The content belongs to the commands.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

PLAIN_SECONDS = 2.0
"""The shortest pause between two lines of progress if the output is not a terminal."""


DAY = click.DateTime(formats=["%Y-%m-%d"])
"""The type of a day in a command's arguments."""


def stdout() -> Console:
    """Returns the console for a command's answers."""
    return Console(highlight=False, markup=False, emoji=False)


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
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
