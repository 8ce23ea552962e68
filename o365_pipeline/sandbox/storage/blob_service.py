"""The Blob service in front of the sandbox's lakes: folders, or the containers of Azurite.

What belongs here: the requests that a lake's client makes, read and answered. Who may make them is decided in
`blob_access.py`. Source: Microsoft, Blob service REST API.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.scratch import scratch_folder
from o365_pipeline.sandbox.storage.blob_access import BlobAccess, blob_error
from o365_pipeline.sandbox.wire_errors import ServiceError

ROOT = "/blob/{account}/{container}"
"""Where accounts answer if all services share one address: O365_STORAGE_URL is that address and /blob/{account}."""

LISTED_AT_ONCE = 5_000
BLOCKS = ".blocks"
"""The folder in which a blob's blocks wait for their list; its content is never listed."""

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
BATCHED = re.compile(rb"^DELETE (\S+) HTTP", re.MULTILINE)


def blob_routes(container_of: Callable[[str, str], Lake], access: BlobAccess) -> list[Route]:
    """Builds the routes of all accounts and containers, of which a function gives each by its names."""

    def store_of(request: Request) -> ObjectStore:
        return container_of(request.path_params["account"], request.path_params["container"]).store

    def call(function: Callable[[Request, ObjectStore, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
        def answer(request: Request, body: bytes) -> Response:
            try:
                access.check(request)
                return function(request, store_of(request), body)
            except FileNotFoundError as error:
                there_is = "ContainerNotFound" if "ContainerNotFound" in str(error) else "BlobNotFound"
                return blob_error(ServiceError(404, there_is, f"The specified {there_is[:-8].lower()} does not exist."))
            except ServiceError as error:
                return blob_error(error)

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(answer, request, await request.body())

        return endpoint

    return [
        Route(ROOT, call(_list), methods=["GET"]),
        Route(ROOT, call(_batch), methods=["POST"]),
        Route(f"{ROOT}/{{blob:path}}", call(_get), methods=["GET"]),
        Route(f"{ROOT}/{{blob:path}}", call(_put), methods=["PUT"]),
        Route(f"{ROOT}/{{blob:path}}", call(_delete), methods=["DELETE"]),
    ]


def _get(request: Request, store: ObjectStore, _: bytes) -> Response:
    path = request.path_params["blob"]
    found = obstore.head(store, path)
    headers = {
        "ETag": _etag(found),
        "Last-Modified": format_datetime(found["last_modified"], usegmt=True),
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
    }
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(found["size"])})
    asked = RANGE.fullmatch(request.headers.get("x-ms-range") or request.headers.get("Range") or "")
    if asked is None or not found["size"]:
        return Response(bytes(obstore.get(store, path).bytes()), headers=headers)
    start, end = int(asked[1]), min(int(asked[2] or found["size"]) + 1, found["size"])
    if start >= end:
        raise ServiceError(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
    part = bytes(obstore.get_range(store, path, start=start, end=end))
    return Response(part, 206, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{found['size']}"})


def _put(request: Request, store: ObjectStore, body: bytes) -> Response:
    path, query = request.path_params["blob"], request.query_params
    match query.get("comp"):
        case "block":
            obstore.put(store, f"{BLOCKS}/{path}/{query['blockid'].encode().hex()}", body)
            return Response(status_code=201)
        case "blocklist":
            names = [entry.text or "" for entry in ElementTree.fromstring(body)]  # noqa: S314 - the sandbox's own client
            blocks = [f"{BLOCKS}/{path}/{name.encode().hex()}" for name in names]
            _put_together(store, path, blocks)
        case None:
            mode: Any = "create" if request.headers.get("If-None-Match") == "*" else "overwrite"
            try:
                obstore.put(store, path, body, mode=mode)
            except AlreadyExistsError as error:
                raise ServiceError(409, "BlobAlreadyExists", "The specified blob already exists.") from error
        case other:
            raise ServiceError(400, "UnsupportedQueryParameter", f"The sandbox does not answer comp={other}.")
    found = obstore.head(store, path)
    headers = {"ETag": _etag(found), "Last-Modified": format_datetime(found["last_modified"], usegmt=True)}
    return Response(status_code=201, headers=headers)


def _put_together(store: ObjectStore, path: str, blocks: list[str]) -> None:
    with scratch_folder() as folder:
        whole = folder / "blob"
        with whole.open("wb") as file:
            for block in blocks:
                file.write(obstore.get(store, block).bytes())
        obstore.put(store, path, whole)
    obstore.delete(store, blocks)


def _delete(request: Request, store: ObjectStore, _: bytes) -> Response:
    obstore.head(store, request.path_params["blob"])
    obstore.delete(store, request.path_params["blob"])
    return Response(status_code=202)


def _batch(request: Request, store: ObjectStore, body: bytes) -> Response:
    """Deletes up to 256 blobs; each part of the answer is that of its request."""
    if request.query_params.get("comp") != "batch":
        raise ServiceError(400, "UnsupportedQueryParameter", "The sandbox answers batches alone.")
    boundary = "batchresponse"
    parts = []
    for number, url in enumerate(BATCHED.findall(body)):
        container = request.path_params["container"]
        path = unquote(url.decode().partition("?")[0]).partition(f"/{container}/")[2]
        try:
            obstore.head(store, path)
            obstore.delete(store, path)
            status = "202 Accepted"
        except FileNotFoundError:
            status = "404 The specified blob does not exist."
        head = f"Content-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {status}\r\n\r\n"
        parts.append(f"--{boundary}\r\n{head}\r\n")
    return Response(
        f"{''.join(parts)}--{boundary}--\r\n",
        202,
        headers={"Content-Type": f"multipart/mixed; boundary={boundary}"},
    )


def _list(request: Request, store: ObjectStore, _: bytes) -> Response:
    query = request.query_params
    prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter"), query.get("marker", "")
    size = min(int(query.get("maxresults") or LISTED_AT_ONCE), LISTED_AT_ONCE)
    names: dict[str, Any] = {}
    for entry in sorted(_entries(store, prefix), key=lambda entry: entry["path"]):
        below = entry["path"].removeprefix(prefix)
        if delimiter and delimiter in below:
            names.setdefault(f"{prefix}{below.partition(delimiter)[0]}{delimiter}", None)
        else:
            names[entry["path"]] = entry
    left = [name for name in names if name > marker]
    page, more = left[:size], left[size:]
    content = "".join(_listed(name, names[name]) for name in page)
    following = escape(page[-1]) if more else ""
    return Response(
        f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{request.path_params["container"]}">'
        f"<Prefix>{escape(prefix)}</Prefix><Blobs>{content}</Blobs><NextMarker>{following}</NextMarker>"
        "</EnumerationResults>",
        media_type="application/xml",
    )


def _entries(store: ObjectStore, prefix: str) -> Iterator[Any]:
    """Returns what lies below a prefix, which may end within a name."""
    for page in obstore.list(store, prefix=prefix.rpartition("/")[0] or None):
        yield from (entry for entry in page if entry["path"].startswith(prefix) and not _is_block(entry["path"]))


def _is_block(path: str) -> bool:
    return path.startswith(f"{BLOCKS}/")


def _listed(name: str, entry: Any) -> str:
    if entry is None:
        return f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>"
    modified = format_datetime(entry["last_modified"], usegmt=True)
    properties = (
        f"<Creation-Time>{modified}</Creation-Time><Last-Modified>{modified}</Last-Modified>"
        f"<Etag>{escape(_etag(entry))}</Etag><Content-Length>{entry['size']}</Content-Length>"
        "<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType>"
    )
    return f"<Blob><Name>{escape(name)}</Name><Properties>{properties}</Properties></Blob>"


def _etag(entry: Any) -> str:
    return entry["e_tag"] or f'"{entry["last_modified"].timestamp()}"'
