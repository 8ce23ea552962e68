"""PostgreSQL and Redis for tests and benchmarks: Debian's servers, each started on a free port of this machine.

What belongs here: starting and stopping them. Neither touches a server that is installed and running already.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import redis
import sqlalchemy as sa
import trustme

USER, PASSWORD = "dagster", "of-this-test-alone"
SERVER_USER = "postgres"
"""Whom Debian's package creates: PostgreSQL refuses to run as root."""

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""A crash may lose the data of a test."""


def missing(package: str) -> NoReturn:
    """Leave the test out by name; where CI is set, everything is to be there."""
    reason = f"Debian's package {package} is not installed"
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI is set")
    pytest.skip(reason)


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL server that speaks TLS and asks for a password."""

    port: int
    password: str
    authority: Path
    """The file of the certificate authority that vouches for the server."""

    @property
    def process_id(self) -> int:
        """The server's process, which starts one for each connection."""
        return int((self.authority.parent / "data" / "postmaster.pid").read_text().split()[0])

    def create(self, database: str) -> str:
        """Create a database; returns its URL."""
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{database}"')
        engine.dispose()
        return self.url(database)

    def url(self, database: str) -> str:
        """Without TLS: Dagster opens a connection for each thing it does, and a handshake takes longer than most."""
        query = {"sslmode": "disable"}
        url = sa.URL.create("postgresql+psycopg2", USER, self.password, "127.0.0.1", self.port, database, query)
        return url.render_as_string(hide_password=False)


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's own programs: Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


@contextmanager
def postgres(programs: Path) -> Iterator[Postgres]:
    """A PostgreSQL server with a password, over TLS, of a fresh cluster that is deleted afterwards."""
    # Pytest's own folders are closed to the server's user.
    with tempfile.TemporaryDirectory(prefix="o365-postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        _certify(folder)
        _give_away(folder)
        data, port = folder / "data", free_port()
        _run(programs / "initdb", "-D", data, "-U", USER, "-A", "md5", "--pwfile", folder / "password")
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "ssl": "on",
            "ssl_cert_file": folder / "server.pem",
            "ssl_key_file": folder / "server.key",
            **FAST,
        }
        with (data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{setting} = '{value}'\n" for setting, value in settings.items())
        _run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "start")
        try:
            yield Postgres(port, PASSWORD, folder / "authority.pem")
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@contextmanager
def redis_server(program: str) -> Iterator[str]:
    """A Redis server that keeps nothing on disk; yields its URL."""
    port = free_port()
    options = {"--port": port, "--bind": "127.0.0.1", "--save": "", "--appendonly": "no"}
    command = [program, *(str(part) for option in options.items() for part in option)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _await_redis(server, port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _await_redis(server: subprocess.Popen[bytes], port: int) -> None:
    client = redis.Redis(port=port)
    while server.poll() is None:
        with suppress(redis.ConnectionError):
            client.ping()
            return
    raise RuntimeError(f"redis-server ended with status {server.returncode}")


def _certify(folder: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)


def _give_away(folder: Path) -> None:
    folder.chmod(0o755)
    if os.getuid() == 0:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, SERVER_USER, SERVER_USER)


def _run(*command: object) -> None:
    as_user: dict[str, Any] = (
        {"user": SERVER_USER, "group": SERVER_USER, "extra_groups": []} if os.getuid() == 0 else {}
    )
    subprocess.run([str(part) for part in command], check=True, cwd="/", stdout=subprocess.DEVNULL, **as_user)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
