"""Finds secrets in a package, where everybody who installs it could read them.

What belongs here: finding them. A problem never contains the secret, only its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from o365_pipeline.managed_app.package.package_problems import Problem, leaves

REMEDY = "take it out: whoever installs the package can read it. Change the secret if the package was given to anybody"
KINDS: Mapping[str, re.Pattern[str]] = {
    "a shared access signature": re.compile(r"[?&;]sig=[A-Za-z0-9%+/=]{8,}"),
    "a connection string with a key": re.compile(r"(?i)\b(?:Account|SharedAccess)Key\s*=\s*[^;'\"\s]{8,}"),
    "a connection string with a password": re.compile(r"(?i)(?:^|[;'\"\s])(?:password|pwd)\s*=\s*[^;'\"\s]+"),
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
    values = [value for secret in secrets if (value := secret.get_secret_value())]
    for file, content in files.items():
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
            place = f"line {number}"
            if any(value in line for value in values):
                yield Problem(file, place, "the offer's own secret stands there", REMEDY)
            for kind, pattern in KINDS.items():
                if pattern.search(line):
                    yield Problem(file, place, f"{kind} stands there", REMEDY)


def written_values(file: str, template: Any) -> Iterator[Problem]:
    """Returns values of secret properties that are written in the template instead of a parameter."""
    for path, value in leaves(template):
        name = path.rsplit(".", 1)[-1]
        if NAMED.search(name) and isinstance(value, str) and value and not GIVEN.fullmatch(value):
            yield Problem(file, path, "a secret is written down", "take it from a parameter of type securestring")
