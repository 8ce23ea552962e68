"""All benchmarks, one after the other, and one page of what they found: `make benchmark`.

What belongs here: running them, the table on the terminal, and the measured part of docs/performance.md with its
picture; what bounds each measure is written there by hand. Each benchmark is a process of its own and tells by `--json`
what it measured (`measures.py`); what it prints is shown where it fails. The exit status is 1 where one failed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from measures import Found, Measure, Point, told

PROJECT = Path(__file__).parents[1]
PAGE, PICTURE = PROJECT / "docs" / "performance.md", PROJECT / "docs" / "growth.png"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
"""Between these lines the page is written anew by each run."""

PACKAGES = ("dagster", "duckdb", "pandas", "polars", "pyspark", "pyarrow", "SQLAlchemy", "psycopg2-binary")
COLUMNS = ("measure", "ours", "beside", "takes", "ratio", "to reach", "reached")
GROWING = ("people", "days", "customers")


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder, and what it is given."""

    script: str
    title: str
    arguments: tuple[str, ...] = ()


BENCHMARKS = (
    Benchmark("curation.py", "The curated stage"),
    Benchmark("messages.py", "From raw files to the mart"),
    Benchmark("loads.py", "Loads"),
    Benchmark("year.py", "A day after a year"),
    Benchmark("folding.py", "What there is in SharePoint, day after day"),
    Benchmark("memory.py", "Memory"),
    Benchmark("demo.py", "The sandbox, as a user waits for it"),
    Benchmark("customers.py", "Very many customers"),
    Benchmark("celery_workers.py", "Several workers"),
    Benchmark("lake.py", "Staging from Azure's storage"),
)


def main() -> int:
    options = _options()
    chosen = [each for each in BENCHMARKS if not options.only or Path(each.script).stem in options.only]
    began, load = time.monotonic(), os.getloadavg()[0]
    found: dict[str, Found] = {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="o365-report-") as name:
        for benchmark in chosen:
            results, succeeded = _run(benchmark, Path(name))
            if not succeeded:
                failed.append(benchmark.script)
            if results.measures:
                found[benchmark.title] = results
    minutes = (time.monotonic() - began) / 60
    _print_table(found)
    print(f"\n{minutes:.0f} minutes" + (f"; FAILED: {', '.join(failed)}" if failed else ""))
    if not options.only:
        points = [point for each in found.values() for point in each.points]
        _draw(points, PICTURE)
        _write(PAGE, [*_machine(load, minutes), "", *_markdown(found)])
        print(f"written: {PAGE.relative_to(PROJECT)}, {PICTURE.relative_to(PROJECT)}")
    return int(bool(failed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="All benchmarks, and one page of what they found.")
    names = [Path(each.script).stem for each in BENCHMARKS]
    parser.add_argument("--only", nargs="+", choices=names, help="only these, and the page stays as it is")
    return parser.parse_args()


def _run(benchmark: Benchmark, folder: Path) -> tuple[Found, bool]:
    """Runs one benchmark; returns what it found, which is nothing where a program is missing, and whether it
    succeeded.
    """
    stem = Path(benchmark.script).stem
    results, log = folder / f"{stem}.json", folder / f"{stem}.log"
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name(benchmark.script)), *benchmark.arguments]
    began = time.monotonic()
    print(f"{benchmark.script} ...", end=" ", flush=True)
    with log.open("w") as output:
        ended = subprocess.run(  # noqa: S603 - our own script
            [*command, "--json", str(results)],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    print(f"{time.monotonic() - began:.0f} s" + (", FAILED" if ended.returncode else ""), flush=True)
    if ended.returncode:
        print(log.read_text()[-2000:], file=sys.stderr)
    return told(results) if results.exists() else Found(()), ended.returncode == 0


def _cells(measure: Measure) -> tuple[str, ...]:
    """What the table says of a measure, in the order of COLUMNS."""
    limit = "" if measure.theirs is None else "x"
    wanted = f"<= {measure.at_most:,g}{limit}" if measure.at_most is not None else ""
    wanted = f">= {measure.at_least:,g}{limit} as fast" if measure.at_least is not None else wanted
    return (
        measure.name,
        _amount(measure.ours, measure.unit),
        measure.beside,
        "" if measure.theirs is None else _amount(measure.theirs, measure.unit),
        "" if measure.ratio is None else f"{measure.ratio:.2f}x",
        wanted,
        {True: "yes", False: "**no**", None: ""}[measure.is_reached],
    )


def _amount(number: float, unit: str) -> str:
    return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def _print_table(found: dict[str, Found]) -> None:
    rows = [_cells(measure) for each in found.values() for measure in each.measures]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    for row in (COLUMNS, *rows):
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _markdown(found: dict[str, Found]) -> Iterator[str]:
    for title, each in found.items():
        yield from (f"### {title}", "", f"| {' | '.join(COLUMNS)} |", "|---|---:|---|---:|---:|---:|---|")
        yield from (f"| {' | '.join(_cells(measure))} |" for measure in each.measures)
        yield ""
    yield "### How cost grows"
    yield ""
    yield f"![What a run or a tick takes, with more people, days and customers]({PICTURE.name})"


def _machine(load: float, minutes: float) -> Iterator[str]:
    """Says on what it was measured, and when."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    versions = ", ".join(f"{name} {version}" for name, version in _versions())
    yield (
        f"Measured on {dt.datetime.now(dt.UTC):%Y-%m-%d} in {minutes:.0f} minutes, on {os.cpu_count()} cores "
        f"({_processor()}), {memory:.0f} GB of memory, {platform.system()}, Python {platform.python_version()}; "
        f"{load:.1f} cores were busy with something else when it began. {versions}."
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _draw(points: Sequence[Point], target: Path) -> None:
    """Draws a curve for each kind of growth."""
    from o365_pipeline.dagster_ui.pictures import DOTS_PER_INCH, GREY, new_figure

    figure = new_figure(12, 3.6)
    for axes, over in zip(figure.subplots(1, len(GROWING)), GROWING, strict=True):
        of_kind = [point for point in points if point.over == over]
        axes.set_visible(bool(of_kind))
        for line in dict.fromkeys(point.line for point in of_kind):
            along = sorted((point.amount, point.cost) for point in of_kind if point.line == line)
            axes.plot(*zip(*along, strict=True), marker="o", markersize=4, label=line)
        axes.set(xscale="log", xlabel=over, ylabel="seconds", ylim=(0, None))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, colors=GREY)
        if of_kind:
            axes.legend(fontsize=7, frameon=False)
    figure.savefig(target, dpi=DOTS_PER_INCH)


def _write(page: Path, lines: Iterable[str]) -> None:
    """Writes the measured part of the page anew."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
