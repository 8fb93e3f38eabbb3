"""Databases to store in: a SQLite file, and a Postgres server that is started for the tests."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from api.store.database import Database
from api.store.sessions import SessionStore

START_SECONDS = 120


class PostgresServer:
    """A server of our own in a folder of its own, reached by a socket there."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="xl", dir="/tmp"))  # a socket's path is short
        self._user = unprivileged_user()
        if self._user is not None:
            os.chown(self._folder, self._user, -1)
        self._process: subprocess.Popen[bytes] | None = None
        self._num_schemas = 0
        initdb = ["initdb", "-D", str(self._data), "-U", "xianliao", "-A", "trust", "--no-sync"]
        self._run(*initdb, "-E", "UTF8", "--no-locale")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql://xianliao@/postgres?host={self._folder}"

    def new_schema(self) -> str:
        """An address where no table is yet: a schema costs nothing, a database 7 MB."""
        self._num_schemas += 1
        name = f"test{self._num_schemas}"
        with psycopg.connect(self.url) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{self.url}&options=-csearch_path%3D{name}"

    def start(self) -> None:
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-k", str(self._folder)]
        options = ["-c", "listen_addresses=", "-c", "fsync=off"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command + options, user=self._user, cwd="/", stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "Postgres did not start in time"
            time.sleep(0.05)

    def stop(self) -> None:
        """Take the server from its clients at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # nothing of it is needed any more
            self._process.wait(START_SECONDS)
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: str) -> None:
        command = [str(self._binaries / name), *arguments]
        subprocess.run(command, user=self._user, cwd="/", capture_output=True, check=True)


def unprivileged_user() -> int | None:
    """Whom the server may run as: Postgres refuses root. None: ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return names.get("postgres", names["nobody"])


def postgres_binaries() -> Path:
    """The newest installed server's programs; skips without one, and fails in CI."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if found:
        return found[-1].parent
    if initdb := shutil.which("initdb"):
        return Path(initdb).parent
    reason = "no Postgres server is installed (Debian: apt-get install postgresql)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server; a test that stops it starts it again."""
    server = PostgresServer(postgres_binaries())
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of either kind, as a user would write it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sessions.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_schema()


Body = Callable[[SessionStore], Awaitable[None]]


@pytest.fixture
def in_store() -> Callable[[str, Body], None]:
    """Run an async body with the store at an address, where an owner may have 3 sessions."""

    def run(url: str, body: Body) -> None:
        async def opened() -> None:
            database = await Database.open(url)
            try:
                await body(SessionStore(database, max_per_owner=3))
            finally:
                await database.close()

        asyncio.run(opened())

    return run
