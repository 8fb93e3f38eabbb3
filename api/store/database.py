"""One database: its connections, its transactions, and its troubles in our own words."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import Any, Self

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import (
    ArgumentError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from api.settings import Settings
from api.store.errors import StoreUnavailable, StoreUnusable
from api.store.migration import migrate

logger = logging.getLogger(__name__)

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite": "sqlite+aiosqlite",
}
_BACKENDS = {"postgresql", "sqlite"}
_BUSY_MILLISECONDS = 10_000  # how long one process waits for another's transaction
_TROUBLE = (OperationalError, InterfaceError, NoConnectionFree, OSError)


class Database:
    """Transactions over SQLite or Postgres, migrated to today's tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        writing = engine.execution_options(begin="IMMEDIATE")
        self._reading = async_sessionmaker(engine, expire_on_commit=False)
        self._writing = async_sessionmaker(writing, expire_on_commit=False)
        # SQLite has one writer: waiting for it here is fair, its own waiting is not.
        self._writer: AbstractAsyncContextManager[Any] = (
            asyncio.Lock() if self._is_sqlite else nullcontext()
        )

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect, and bring the tables up to date. `url` may leave the driver out.

        Raises:
            StoreUnusable: naming what to do.
        """
        engine = _engine(url)
        try:
            if engine.dialect.name == "sqlite":  # aiosqlite leaves a thread behind if this fails
                await asyncio.to_thread(_log_ahead, engine.url.database or "")
            async with engine.execution_options(begin="IMMEDIATE").begin() as connection:
                await connection.run_sync(migrate)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            await engine.dispose()
            raise StoreUnusable(
                f"会话数据库打不开（{_reason(error)}）；"
                "请检查 XIANLIAO_DATA_DIR 和 XIANLIAO_DATABASE_URL"
            ) from error
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def close(self) -> None:
        """Give the connections back."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads, and sees one moment.

        Raises:
            StoreUnavailable: when the database does not answer.
        """
        with _in_our_words():
            async with self._reading.begin() as session:
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A transaction that is stored whole when the block ends, or not at all.

        Raises:
            StoreUnavailable: when the database does not answer or its disk is full.
        """
        with _in_our_words():
            async with self._writer, self._writing.begin() as session:
                yield session

    async def scrub(self) -> None:
        """After a deletion: leave no deleted text in SQLite's write-ahead log either.

        Postgres frees deleted rows by its own vacuum.
        """
        if self._is_sqlite:
            with _in_our_words():
                async with self._engine.execution_options(begin=None).connect() as connection:
                    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


async def open_database(settings: Settings) -> Database:
    """Open the database that the settings name; the folder of the default one is made.

    Raises:
        StoreUnusable: naming what to do.
    """
    if not settings.database_url:
        try:
            await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            words = f"会话没有地方存（{_reason(error)}）；请检查 XIANLIAO_DATA_DIR"
            raise StoreUnusable(words) from error
    return await Database.open(settings.sessions_url)


def _engine(url: str) -> AsyncEngine:
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
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _with_driver(address: URL) -> URL:
    """The address with our driver, where it names none: as hosts hand them out."""
    return address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))


def _log_ahead(path: str) -> None:
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


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except _TROUBLE as error:
        logger.error("the session store is unavailable: %s", _reason(error))
        raise StoreUnavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """What the database itself said, in one line."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
