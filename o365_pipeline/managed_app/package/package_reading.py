"""Reads what somebody else packed: a zip and its JSON documents, of any content and size.

What belongs here: the limits within which they are read, and one clear line for what is beyond them. Time and memory
are bounded by these limits, whatever the file holds. Judging the documents belongs to `validation.py`.
"""

from __future__ import annotations

import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from o365_pipeline.errors import UsageError

MEGABYTE = 1024 * 1024
MAX_PACKAGE = 120 * MEGABYTE
"""The greatest size that a service catalog accepts; unpacked, a package may not be larger either."""

MAX_DOCUMENT = 4 * MEGABYTE
"""The greatest template that Azure Resource Manager accepts; no other document of a package may be larger."""

MAX_DEPTH = 64
"""How deep objects and arrays may lie within each other. Real packages reach some 20."""

MAX_FILES = 2_000
MAX_DIRECTORY = MEGABYTE
"""The greatest table of contents that is read."""

END_RECORD = struct.Struct("<4s4H2LH")
END_MARK, ZIP64_MARK = b"PK\x05\x06", b"PK\x06\x07"
LONGEST_COMMENT = 0xFFFF
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What the reader of zips raises where one is damaged, encrypted, or packed in a way that it does not know."""


class DocumentError(Exception):
    """A document that is not read: at which place, why, and what to do."""

    def __init__(self, place: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.place, self.message, self.remedy = place, message, remedy


def unpacked(path: Path) -> tuple[bytes, Mapping[str, bytes]]:
    """Reads a zip and all its files.

    Raises:
        UsageError: there is no such file, it is no zip, it is damaged, or it is beyond a limit.
    """
    build = "`managed-app build` writes a package"
    try:
        if not path.is_file():
            reason = "it is no file" if path.exists() else "No such file or directory"
            raise UsageError(f"{path}: {reason}; {build}")
        if path.stat().st_size > MAX_PACKAGE:
            raise UsageError(f"{path}: it has more than {MAX_PACKAGE} bytes; leave other files out")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or 'it cannot be read'}; {build}") from None
    return content, files_of(content, str(path))


def files_of(content: bytes, path: str) -> Mapping[str, bytes]:
    """Returns the files of a zip.

    Args:
        path: the name by which an error calls the zip.

    Raises:
        UsageError: it is no zip, it is damaged, or it is beyond a limit.
    """
    if (size := _directory_size(content)) is None:
        raise UsageError(f"{path}: it is no zip; `managed-app build` writes a package")
    if size > MAX_DIRECTORY:
        raise UsageError(f"{path}: its table of contents has more than {MAX_DIRECTORY} bytes; leave other files out")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES:
                raise UsageError(f"{path}: it holds more than {MAX_FILES} files; leave other files out")
            if sum(entry.file_size for entry in entries) > MAX_PACKAGE:
                raise UsageError(f"{path}: it unpacks to more than {MAX_PACKAGE} bytes; leave other files out")
            names = [entry.filename for entry in entries]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise UsageError(f"{path}: {twice!a} is in it twice; zip each file once")
            return {entry.filename: archive.read(entry) for entry in entries}
    except DAMAGED:
        raise UsageError(f"{path}: it is a damaged or encrypted zip; `managed-app build` writes a package") from None


def _directory_size(content: bytes) -> int | None:
    """Returns the size of the table of contents as the zip's end tells it; None if there is no such end.

    A zip in the format for more than 4 GB tells another size elsewhere; no package needs that format.
    """
    place = content.rfind(END_MARK, max(0, len(content) - END_RECORD.size - LONGEST_COMMENT))
    if place < 0 or place + END_RECORD.size > len(content):
        return None
    _, _, _, _, _, size, _, _ = END_RECORD.unpack_from(content, place)
    return None if ZIP64_MARK in content[max(0, place - 20) : place] else int(size)


def document(content: bytes) -> Any:
    """Parses a JSON document.

    Raises:
        DocumentError: it is no JSON, too large or nested too deeply.
    """
    if len(content) > MAX_DOCUMENT:
        raise DocumentError("", f"it has {len(content)} bytes, more than {MAX_DOCUMENT}", "make it smaller")
    try:
        parsed = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise DocumentError("", "it is no UTF-8", "write it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise DocumentError(f"line {error.lineno}", f"it is no JSON: {error.msg}", "correct the line") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise DocumentError("", f"it is no JSON: {str(error).split(':')[0]}", "write another number") from None
    if _depth(parsed) > MAX_DEPTH:
        raise _too_deep()
    return parsed


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _too_deep() -> DocumentError:
    return DocumentError("", f"it is nested more than {MAX_DEPTH} deep", "make it flatter")


def _depth(value: Any) -> int:
    """Returns how deep the document is nested, but no more than one above the limit."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        parts = [part for part in level if isinstance(part, (dict, list))]
        level = [part for whole in parts for part in (whole.values() if isinstance(whole, dict) else whole)]
        depth += bool(parts)
    return depth
