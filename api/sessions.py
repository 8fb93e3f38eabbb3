"""Conversations that outlive a restart: sessions and their append-only turns."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self
from weakref import WeakValueDictionary

from sqlalchemy import BigInteger, DateTime, ForeignKey, delete, event, select, text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from api.settings import Settings


class SessionNotFound(LookupError):
    """No session has this id: it never existed, or it was deleted."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite keeps no time zone of its own."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """To the database: naive, in UTC."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        return value and value.replace(tzinfo=UTC)


class _Base(DeclarativeBase):
    pass


class SessionRow(_Base):
    """A conversation."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TurnRow(_Base):
    """One message and its reply. Rows are added, never changed."""

    __tablename__ = "turns"

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    user: Mapped[str]
    bot: Mapped[str]
    finish_reason: Mapped[str]
    model: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def new_session_id() -> str:
    """An id that nobody can guess; whoever knows it may read the conversation."""
    return secrets.token_urlsafe(18)


class SessionStore:
    """Sessions in a database: SQLite by default, others by their SQLAlchemy address."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._begin = async_sessionmaker(engine, expire_on_commit=False).begin
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect and make the tables that are missing.

        Raises:
            SQLAlchemyError, OSError, ImportError: when the database cannot be used.
        """
        engine = create_async_engine(url)
        if make_url(url).get_backend_name() == "sqlite":
            event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        async with engine.begin() as connection:
            await connection.run_sync(_Base.metadata.create_all)
        return cls(engine)

    async def close(self) -> None:
        """Give the connections back."""
        await self._engine.dispose()

    @asynccontextmanager
    async def locked(self, session_id: str) -> AsyncIterator[None]:
        """Hold a session for one turn; a second turn of the same session waits.

        A lock lives as long as somebody holds or awaits it.
        """
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        async with lock:
            yield

    async def created_at(self, session_id: str) -> datetime:
        """When the session began.

        Raises:
            SessionNotFound: when there is no such session.
        """
        async with self._begin() as db:
            row = await db.get(SessionRow, session_id)
        if row is None:
            raise SessionNotFound(session_id)
        return row.created_at

    async def last_turns(self, session_id: str, limit: int | None = None) -> list[TurnRow]:
        """The last `limit` turns (None: all), oldest first; there is at least one.

        Raises:
            SessionNotFound: when there is no such session.
        """
        query = (
            select(TurnRow)
            .where(TurnRow.session_id == session_id)
            .order_by(TurnRow.index.desc())
            .limit(limit)
        )
        async with self._begin() as db:
            turns = (await db.scalars(query)).all()
        if not turns:
            raise SessionNotFound(session_id)
        return list(reversed(turns))

    async def append(self, turn: TurnRow) -> None:
        """Store a finished turn; the first turn of a session creates the session with it.

        Raises:
            SessionNotFound: when another process deleted or continued the session meanwhile.
        """
        try:
            async with self._begin() as db:
                if turn.index == 1:
                    db.add(SessionRow(id=turn.session_id, created_at=turn.created_at))
                    await db.flush()
                db.add(turn)
        except IntegrityError as error:
            raise SessionNotFound(turn.session_id) from error

    async def remove(self, session_id: str) -> None:
        """Delete a session and its turns, from the file too.

        Raises:
            SessionNotFound: when there is no such session.
        """
        async with self._begin() as db:
            query = delete(SessionRow).where(SessionRow.id == session_id).returning(SessionRow.id)
            if await db.scalar(query) is None:
                raise SessionNotFound(session_id)
        if self._engine.dialect.name == "sqlite":
            async with self._engine.connect() as connection:
                await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


async def open_store(settings: Settings) -> SessionStore:
    """Open the store that the settings name; the folder of the default one is made.

    Raises:
        SQLAlchemyError, OSError, ImportError: when the database cannot be used.
    """
    if not settings.database_url:
        await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True)
    return await SessionStore.open(settings.sessions_url)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # overwritten, not only unlinked
    cursor.close()
