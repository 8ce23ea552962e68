"""Finds secrets in a package, where everybody who installs it could read them.

What belongs here: finding them. A problem never contains the secret, only its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import SecretStr

from o365_pipeline.managed_app.package.package_problems import MAX_PROBLEMS, Problem, leaves

REMEDY = "take it out: whoever installs the package can read it. Change the secret if the package was given to anybody"
KINDS: Mapping[str, re.Pattern[str]] = {
    "a shared access signature": re.compile(r"[?&;]sig=[A-Za-z0-9%+/=]{8,}"),
    "a connection string with a key": re.compile(r"(?i)\b(?:Account|SharedAccess)Key[ \t]*=[ \t]*[^;'\"\s]{8,}"),
    "a connection string with a password": re.compile(r"(?i)(?:^|[;'\"\s])(?:password|pwd)[ \t]*=[ \t]*[^;'\"\s]+"),
    "an address with a password": re.compile(r"\w://[^\s/:@'\"]+:[^\s/@'\"]+@"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a storage account's key": re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}=="),
    "a secret of an Entra application": re.compile(r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}"),
}
NAMED = re.compile(r"(?i)(?:password|accountkey|accesskey|sharedkey|clientsecret|connectionstring|sastoken|apikey)$")
"""Names of properties that hold a secret."""

GIVEN = re.compile(r"(?i)\[.*\b(?:parameters|list\w*|reference)\(.*\]")
"""An expression whose value comes from the purchaser or from Azure."""


def secret_problems(files: Mapping[str, bytes], secrets: Sequence[SecretStr]) -> Iterator[Problem]:
    """Finds known secrets, and everything that looks like one, in any of the files."""
    own = [value.encode().decode("latin-1") for secret in secrets if (value := secret.get_secret_value())]
    kinds = {**({"the offer's own secret": re.compile("|".join(map(re.escape, own)))} if own else {}), **KINDS}
    for file, content in files.items():
        # Read as Latin-1, a file of any size and content takes no more memory than it has bytes.
        text = content.decode("latin-1")
        for kind, pattern in kinds.items():
            for line in islice(_lines(text, pattern), MAX_PROBLEMS):
                yield Problem(file, f"line {line}", f"{kind} stands there", REMEDY)


def _lines(text: str, pattern: re.Pattern[str]) -> Iterator[int]:
    """Returns the numbers of the lines in which something is found, each once."""
    told, line, counted = 0, 1, 0
    for found in pattern.finditer(text):
        line, counted = line + text.count("\n", counted, found.end()), found.end()
        if line != told:
            yield line
        told = line


def written_values(file: str, template: Any) -> Iterator[Problem]:
    """Returns values of secret properties that are written in the template instead of a parameter."""
    for path, value in leaves(template):
        name = path.rsplit(".", 1)[-1]
        if NAMED.search(name) and isinstance(value, str) and value and not GIVEN.fullmatch(value):
            yield Problem(file, path, "a secret is written down", "take it from a parameter of type securestring")
