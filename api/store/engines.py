"""From the address of a database to an engine that is set up as the store needs it."""

import sqlite3
import time
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from api.store.errors import StoreUnusable

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite": "sqlite+aiosqlite",
}
_BACKENDS = {"postgresql", "sqlite"}
_BUSY_MILLISECONDS = 10_000  # how long one process waits for another's transaction


def make_engine(url: str) -> AsyncEngine:
    """The engine of an address, which may leave the driver out; nothing is connected yet.

    Raises:
        StoreUnusable: naming what to do.
    """
    try:
        address = _with_driver(make_url(url))
        if address.get_backend_name() not in _BACKENDS:
            raise ArgumentError(address.drivername)
        # A message must not come into a log with the error that it met.
        options: dict[str, Any] = {"hide_parameters": True}
        if address.get_backend_name() == "postgresql":
            options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}
        engine = create_async_engine(address, **options)
    except ImportError as error:
        words = (
            "缺少数据库的驱动；连 Postgres 请装上 postgres 这一组依赖：pip install '.[postgres]'"
        )
        raise StoreUnusable(words) from error
    except SQLAlchemyError as error:
        words = (
            "XIANLIAO_DATABASE_URL 不能用；"
            "应写成 postgresql://用户:密码@主机/库名，或 sqlite:///文件"
        )
        raise StoreUnusable(words) from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine.sync_engine)
    return engine


def make_direct_engine(engine: AsyncEngine) -> Engine | None:
    """An engine for threads to the same SQLite file; None when the database is another's affair."""
    if engine.dialect.name != "sqlite" or plain_file(engine.url) is None:
        return None
    address = engine.url.set(drivername="sqlite+pysqlite")
    direct = create_engine(address, hide_parameters=True)
    _prepare_sqlite(direct)
    return direct


def _with_driver(address: URL) -> URL:
    """The address with our driver, where it names none: as hosts hand them out."""
    return address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))


def plain_file(address: URL) -> str | None:
    """The file of a SQLite database, unless it is in memory or written as a URI."""
    path = address.database or ""
    return None if path in {"", ":memory:"} or path.startswith("file:") else path


def log_ahead(path: str) -> None:
    """Give a database file its write-ahead log, once for all.

    SQLite does not wait for the others here, whatever its busy timeout, but refuses at once.
    """
    connection = sqlite3.connect(path, uri=True)
    try:
        deadline = time.monotonic() + _BUSY_MILLISECONDS / 1000
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        connection.close()


def _prepare_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # overwritten, not only unlinked
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Begin for real: a writer takes its lock at once, where it can still wait for it."""
    mode = connection.get_execution_options().get("begin", "DEFERRED")
    if mode is not None:
        connection.exec_driver_sql(f"BEGIN {mode}")
