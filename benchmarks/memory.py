"""How much memory the stages raw and curated take for an input of any size, and how long.

The input is JSON Lines as Data Connect writes them, made part by part by DuckDB: mails with a body that is requested
(Message_v1), or files of SharePoint in a full snapshot (SharePointFiles_v1). A process of its own counts and seals the
landing, curates the day, and looks for repeated keys, with the production code. How to read the table: seconds of wall
time, and the process's highest memory up to the step's end, imports included. The exit status is 1 where rows are
lost.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
from measures import Measure, add_json_option, tell
from message_rows import DAY

PEAK_LIMIT_MB = 1_000
ROWS_OF_A_PART = 200_000

OF_ALL = """
    ptenant: '00000000-0000-4000-8000-0000000000b1', datarow: 0, userrow: 0, pagerow: 0,
    rowinformation: {errorInformation: NULL, userReturnedNoData: false, isUserSummaryRow: false}
"""
MAIL = f"""{{
    id: 'AAMkAGI2mail' || md5(key::VARCHAR) || repeat('A', 80),
    internetMessageId: '<' || md5((n // 4)::VARCHAR) || '@contoso.com>',
    conversationId: md5((n // 12)::VARCHAR) || repeat('A', 40), createdDateTime: at_, lastModifiedDateTime: at_,
    receivedDateTime: at_, sentDateTime: at_, hasAttachments: n % 5 = 0, importance: 'normal', isDraft: false,
    isRead: n % 8 <> 0, sender: address(n), "from": address(n), toRecipients: [address(n + 1), address(n + 2)],
    ccRecipients: [], bccRecipients: [], body: {{
        contentType: 'microsoft.graph.bodyType''html''',
        content: '<p>' || n || repeat(' Agreed: grüße, Ann', 100) || '</p>'
    }},
    puser: '00000000-0000-4000-8000-' || lpad((key % 1000)::VARCHAR, 12, '0'), {OF_ALL}
}}"""
FILE = f"""{{
    SiteId: md5((key % 997)::VARCHAR), WebId: md5((n % 997)::VARCHAR), ListId: md5((n % 9973)::VARCHAR),
    ItemId: md5(key::VARCHAR), SiteUrl: 'sites/team-' || n % 997, DirName: 'Shared Documents/folder-' || n % 99991,
    FileName: 'report-' || n || '.docx', Extension: 'docx', SizeInBytes: n * 7, SizeInBytesWithVersions: n * 9,
    TimeCreated: at_, TimeLastModified: at_, Author: {{Email: n % 1000 || '@contoso.com', Name: 'Person ' || n % 1000}},
    Operation: 'Full', SnapshotDate: '2026-11-16T00:00:00Z', {OF_ALL}
}}"""
ROWS = {"Message_v1": MAIL, "SharePointFiles_v1": FILE}


@dataclass(frozen=True)
class Step:
    """A step's name, its seconds, and the process's peak memory at its end."""

    name: str
    seconds: float
    peak_mb: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", choices=ROWS, default="SharePointFiles_v1", help="(default: %(default)s)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--gigabytes", type=float, default=2.0, help="of input (default: %(default)s)")
    size.add_argument("--rows", type=int, help="of input, instead of gigabytes")
    parser.add_argument(
        "--copies", type=int, default=1, help="rows of each key, of which one stays (default: %(default)s)"
    )
    parser.add_argument(
        "--work", type=Path, help="where to work: three times the input must fit (default: a temporary folder)"
    )
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="o365-benchmark-", dir=options.work) as folder:
        work, least_bytes = Path(folder), int(options.gigabytes * 1e9)
        return _measure(work, options.dataset, least_bytes, options.rows, options.copies, options.json)


def _measure(work: Path, dataset: str, least_bytes: int, rows: int | None, copies: int, told_in: Path | None) -> int:
    parts = work / "input"
    parts.mkdir()
    written = _write(parts, dataset, least_bytes, rows, copies)
    size = sum(part.stat().st_size for part in parts.iterdir())
    print(f"{dataset}: {written:,} rows, {size / 1e9:.2f} GB in {len(list(parts.iterdir()))} parts", flush=True)
    steps = _steps(work, dataset)
    print(f"\n{'step':32} {'seconds':>8} {'peak MB':>8}")
    for step in steps:
        print(f"{step.name:32} {step.seconds:8.1f} {step.peak_mb:8,.0f}")
    spent = sum(step.seconds for step in steps)
    told = f"{size / 1e6 / spent:,.0f} MB/s, {written / spent:,.0f} rows/s"
    print(f"{'all':32} {spent:8.1f} {steps[-1].peak_mb:8,.0f}   {told}")
    expected = f"curated: {-(-written // copies):,} rows"
    problems = [] if steps[-1].name == expected else [f"expected {expected}"]
    name = f"peak memory, {written:,} rows of {dataset}, {size / 1e9:.0f} GB"
    tell(told_in, [Measure(name, steps[-1].peak_mb, "MB", at_most=PEAK_LIMIT_MB)])
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return len(problems)


def _write(folder: Path, dataset: str, least_bytes: int, rows: int | None, copies: int) -> int:
    written = size = number = 0
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '500MB'")
        connection.execute(
            "CREATE MACRO address(n) AS "
            "{emailAddress: {name: 'Person ' || n % 1000, address: 'Person' || n % 1000 || '@contoso.com'}}"
        )
        while written < rows if rows is not None else size < least_bytes:
            more = ROWS_OF_A_PART if rows is None else min(ROWS_OF_A_PART, rows - written)
            part = folder / f"part-{number:05}.json"
            query = f"""
                SELECT unnest({ROWS[dataset]}) FROM (
                    SELECT n, n // {copies} AS key,
                        strftime(TIMESTAMP '{DAY}' + INTERVAL (n % 86400) SECOND, '%Y-%m-%dT%H:%M:%SZ') AS at_
                    FROM range({written}, {written + more}) AS numbers(n)
                )
                """
            connection.execute(f"COPY ({query}) TO '{part}' (FORMAT json)")
            written, size, number = written + more, size + part.stat().st_size, number + 1
    return written


def _steps(work: Path, dataset: str) -> list[Step]:
    """Runs the stages in a process of their own.

    Raises:
        SystemExit: it failed; its own words are on standard error.
    """
    (work / "tmp").mkdir()
    script = Path(__file__).with_name("memory_by_pipeline.py")
    steps, before = [], time.perf_counter()
    environment = os.environ | {"TMPDIR": str(work / "tmp"), "O365_HOME": str(work / "home")}
    command = [sys.executable, str(script), dataset, str(work / "input"), str(work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:  # noqa: S603 - ours
        for line in child.stdout or ():
            peak, name = line.rstrip("\n").split(" ", 1)
            now = time.perf_counter()
            steps.append(Step(name, now - before, float(peak)))
            before = now
            print(f"  {name}: {steps[-1].seconds:.1f} s, {float(peak):,.0f} MB", flush=True)
    if child.returncode:
        raise SystemExit(f"{script.name} failed with status {child.returncode}")
    return steps


if __name__ == "__main__":
    sys.exit(main())
