"""Privacy rules for DuckDB: which people a customer denies, and which addresses are replaced by hashes.

What belongs here: judging one text: is it an address, does it name a denied person, how is it shown. Resolving people
belongs to `people.py`; where in a row they are searched belongs to `typing_sql.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import duckdb

from o365_pipeline.raw.duckdb_session import define_function

ADDRESS_NAMES = frozenset({"address", "mail", "upn", "userprincipalname", "proxyaddresses", "imaddresses"})
ADDRESS_ENDINGS = ("email", "emailaddress", "emailaddresses", "smtpaddress")
NAME = re.compile(
    r"(actor_?)?(name|display_?name|simple_?display_?name|given_?name|surname|first_?name|last_?name|middle_?name"
    r"|nick_?name|preferred_?name|initials|file_?as|mail_?nickname|yomi_?\w+|speaker_?name)",
    re.IGNORECASE,
)

PREFIX = re.compile(r"^(smtp|sip|mailto|x500|eum):", re.IGNORECASE)
ENTRA_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ADDRESS = re.compile(r"[^\s<>\"'(),;:|/\\\[\]{}=?&]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*")
ONE_DRIVE = re.compile(r"\bpersonal/([^/?#\s\"']+)")
"""The folder of a person's OneDrive: the person's address, with `_` for characters that a folder name cannot have."""


LONGEST_IDENTITY = 320
"""An address has no more characters, and no id."""


def is_address(name: str) -> bool:
    """Tells whether a column or a key of that name holds e-mail addresses; `emailAddress` does if its value is a
    string.
    """
    plain = name.replace("_", "").lower()
    return plain in ADDRESS_NAMES or plain.endswith(ADDRESS_ENDINGS)


def is_name(name: str) -> bool:
    """Tells whether a column or a key of that name holds a person's name."""
    return NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class ErasedPeople:
    """People whom nobody may be able to read off the list of them: salted hashes of ids and addresses in lower case."""

    salt: bytes
    digests: frozenset[str]

    def __contains__(self, identity: str) -> bool:
        return len(identity) <= LONGEST_IDENTITY and identity_digest(self.salt, identity) in self.digests


@lru_cache(maxsize=100_000)
def identity_digest(salt: bytes, identity: str) -> str:
    """Returns the hash that stands for an id or an address in lower case."""
    return hmac.new(salt, identity.encode("utf-8", errors="replace"), "sha256").hexdigest()


@dataclass(frozen=True)
class People:
    """The denied people, by ids and addresses in lower case, and the rule for addresses of other domains."""

    denied: frozenset[str] = frozenset()
    own_domains: frozenset[str] = frozenset()
    salt: str | None = None
    """If set, addresses of other domains are shown as hashes."""

    erased: ErasedPeople | None = None
    """People who are denied as well, since they were erased."""

    @property
    def are_some_denied(self) -> bool:
        return bool(self.denied) or self.erased is not None

    @property
    def is_anybody(self) -> bool:
        return self.are_some_denied or self.salt is not None

    def are_denied(self, text: str) -> bool:
        """Tells whether a text is, or contains, an id or an address of a denied person."""
        if not self.are_some_denied:
            return False
        low = text.lower()
        return self._is_denied(low) or any(map(self._is_denied, identities_in(low)))

    def _is_denied(self, identity: str) -> bool:
        return identity in self.denied or (self.erased is not None and identity in self.erased)

    def are_in(self, value: dict[str, Any]) -> bool:
        """Tells whether an object, or an object within it (but not in a list), names a denied person."""
        return self.are_some_denied and any(
            self.are_in(entry) if isinstance(entry, dict) else isinstance(entry, str) and self.are_denied(entry)
            for entry in value.values()
        )

    def is_outside(self, text: str) -> bool:
        """Tells whether a text is an address of another domain than the customer's, if those are hashed."""
        _, at, domain = text.lower().rpartition("@")
        return self.salt is not None and bool(at) and domain not in self.own_domains

    def pseudonym_if_outside(self, address: str) -> str:
        """Returns the address as it is stored: `<16 hex digits>@domain` if it is from another domain."""
        if not self.is_outside(address):
            return address
        prefix = PREFIX.match(address)
        start = prefix.end() if prefix else 0
        plain = address[start:].lower()
        digest = hashlib.sha256(f"{self.salt}{plain}".encode()).hexdigest()[:16]
        return f"{address[:start]}{digest}@{plain.rpartition('@')[2]}"

    def withhold(self, text: str) -> bool:
        """Tells whether a row's raw text names a denied person, or holds an address that is stored only as a hash."""
        low = text.lower().replace("\\u0040", "@")
        return self.are_denied(low) or (self.salt is not None and any(map(self.is_outside, ADDRESS.findall(low))))


NOBODY = People()


def one_drive_name(address: str) -> str:
    """Returns the folder name of an address's OneDrive: `ann_contoso_com`."""
    return re.sub(r"[^a-z0-9_-]", "_", address.lower())


def identities_in(low: str) -> list[str]:
    """Returns the ids and addresses in a text of lower case."""
    found: list[str] = []
    if "%" in low:
        low = unquote(low)
    if len(low) >= 36:
        found += ENTRA_ID.findall(low)
    if "@" in low:
        found += [PREFIX.sub("", address) for address in ADDRESS.findall(low)]
    if "personal/" in low:
        found += ONE_DRIVE.findall(low)
    return found


def define_people(connection: duckdb.DuckDBPyConnection, people: People) -> None:
    """Registers `is_denied(text)`, `is_outside(text)`, `shown_address(text)` and `is_withheld(text)` with DuckDB."""
    define_function(connection, "is_denied", people.are_denied, "BOOLEAN")
    define_function(connection, "is_outside", people.is_outside, "BOOLEAN")
    define_function(connection, "shown_address", people.pseudonym_if_outside)
    define_function(connection, "is_withheld", people.withhold, "BOOLEAN")
