"""One database: its connections, its transactions, and its troubles in our own words."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from api.settings import Settings
from api.store.engines import log_ahead, make_direct_engine, make_engine, plain_file
from api.store.errors import StoreUnavailable, StoreUnusable
from api.store.migration import migrate

logger = logging.getLogger(__name__)

_NUM_THREADS = 4  # of which one writes
_CHECK_SECONDS = 5
_ANY_SESSION = text("SELECT id FROM sessions LIMIT 1")
_TROUBLE = (OperationalError, InterfaceError, NoConnectionFree, OSError)

T = TypeVar("T")
Work = Callable[[Connection], T]


class Database:
    """Transactions over SQLite or Postgres, migrated to today's tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._file = plain_file(engine.url) if self._is_sqlite else None
        self._direct = make_direct_engine(engine)
        self._threads = ThreadPoolExecutor(_NUM_THREADS, thread_name_prefix="store")
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
        engine = make_engine(url)
        try:
            if engine.dialect.name == "sqlite":  # aiosqlite leaves a thread behind if this fails
                await asyncio.to_thread(log_ahead, engine.url.database or "")
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
        if self._direct is not None:
            await asyncio.to_thread(self._threads.shutdown)
            self._direct.dispose()

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

    async def read_by(self, work: Work[T]) -> T:
        """What `work` finds in a transaction of its own.

        SQLite's driver takes a thread there and back for each step of `read`. Here the whole work
        is done in a thread, which is a small part of the time.

        Raises: as `read`.
        """
        if self._direct is not None:
            with _in_our_words():
                return await self._in_thread(work, "DEFERRED")
        async with self.read() as session:
            return await (await session.connection()).run_sync(work)

    async def write_by(self, work: Work[T]) -> T:
        """Store what `work` does whole, or nothing of it; as `read_by`, to `write`."""
        if self._direct is not None:
            with _in_our_words():
                async with self._writer:
                    return await self._in_thread(work, "IMMEDIATE")
        async with self.write() as session:
            return await (await session.connection()).run_sync(work)

    async def check(self) -> None:
        """Look whether sessions can be read now, within seconds.

        Raises:
            StoreUnavailable: they cannot.
        """
        with _in_our_words():
            async with asyncio.timeout(_CHECK_SECONDS), self._reading.begin() as session:
                await session.execute(_ANY_SESSION)
                if self._file is not None:  # one that was deleted is still open here
                    await asyncio.to_thread(os.stat, self._file)

    async def scrub(self) -> None:
        """After a deletion: leave no deleted text in SQLite's write-ahead log either.

        Postgres frees deleted rows by its own vacuum.
        """
        if self._is_sqlite:
            with _in_our_words():
                async with self._engine.execution_options(begin=None).connect() as connection:
                    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _in_thread(self, work: Work[T], begin: str) -> T:
        assert self._direct is not None
        engine = self._direct.execution_options(begin=begin)

        def transaction() -> T:
            with engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads, transaction)


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
