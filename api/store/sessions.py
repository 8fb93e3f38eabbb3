"""Sessions and their append-only turns, as a conversation needs them."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from sqlalchemy import ColumnElement, Connection, delete, insert, inspect, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.store.database import Database
from api.store.errors import SessionConflict, SessionNotFound
from api.store.tables import Base, FeedbackRow, SessionRow, TurnRow

MAX_TITLE_CHARS = 80
_DERIVED_TITLE_CHARS = 40
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


def new_session_id() -> str:
    """An id that nobody can guess; who may read the session knows it, or owns the session."""
    return secrets.token_urlsafe(18)


def title_from(message: str) -> str:
    """What a session is called until somebody names it: how its first message begins."""
    text = " ".join(message.split())
    return text if len(text) <= _DERIVED_TITLE_CHARS else f"{text[:_DERIVED_TITLE_CHARS]}…"


def may_use(owner: str | None) -> ColumnElement[bool]:
    """The sessions that an owner may use: its own, and nobody's when it knows the id."""
    return or_(SessionRow.owner.is_(None), SessionRow.owner == owner)


def well_formed(session_id: str) -> str:
    """The id, if it could be one; a database need not bear all that a client may write.

    Raises:
        SessionNotFound: otherwise.
    """
    if not _ID.fullmatch(session_id):
        raise SessionNotFound(session_id)
    return session_id


async def find_session(session: AsyncSession, session_id: str, owner: str | None) -> SessionRow:
    """The session, if this owner may use it.

    Raises:
        SessionNotFound: also for another's session: that it exists is none of the asker's business.
    """
    query = select(SessionRow).where(SessionRow.id == well_formed(session_id), may_use(owner))
    found = await session.scalar(query)
    if found is None:
        raise SessionNotFound(session_id)
    return found


class SessionStore:
    """Conversations in a database. `owner` None is nobody, who may use nobody's sessions."""

    def __init__(self, database: Database, max_per_owner: int) -> None:
        self.database = database
        self._max_per_owner = max_per_owner
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def locked(self, session_id: str) -> AsyncIterator[None]:
        """Hold a session for one turn; a second turn of the same session waits.

        A lock lives as long as somebody holds or awaits it. It reaches as far as this process;
        between processes `append` decides.
        """
        lock = self._locks.setdefault(session_id, asyncio.Lock())
        async with lock:
            yield

    async def last_turns(
        self, session_id: str, limit: int | None = None, owner: str | None = None
    ) -> list[TurnRow]:
        """The last `limit` turns (None: all), oldest first; there is at least one.

        Raises:
            SessionNotFound: when there is no such session for this owner.
        """
        query = (
            select(TurnRow)
            .join(SessionRow, SessionRow.id == TurnRow.session_id)
            .where(SessionRow.id == well_formed(session_id), may_use(owner))
            .order_by(TurnRow.index.desc())
            .limit(limit)
        )
        found = await self.database.read_by(lambda db: db.execute(query).mappings().all())
        if not found:
            raise SessionNotFound(session_id)
        return [TurnRow(**values) for values in reversed(found)]

    async def append(self, turn: TurnRow, owner: str | None = None) -> None:
        """Store a finished turn; the first turn of a session makes the session, for this owner.

        An owner who has as many sessions as allowed loses the one that was not used for longest.

        Raises:
            SessionNotFound: when the session was deleted meanwhile.
            SessionConflict: when another process continued it meanwhile.
        """

        def work(db: Connection) -> None:
            if turn.index == 1:
                _insert(db, [_session_of(turn, owner)])
                _make_room(db, owner, self._max_per_owner, turn.session_id)
            else:
                _advance(db, turn)
            _insert(db, [turn])

        try:
            await self.database.write_by(work)
        except IntegrityError as error:
            raise SessionConflict(turn.session_id) from error

    async def add(
        self, row: SessionRow, turns: Sequence[TurnRow], feedback: Sequence[FeedbackRow]
    ) -> None:
        """Store a conversation from outside as a session of its own."""

        def work(db: Connection) -> None:
            _insert(db, [row])
            _make_room(db, row.owner, self._max_per_owner, row.id)
            _insert(db, turns)
            _insert(db, feedback)

        await self.database.write_by(work)

    async def remove(self, session_id: str, owner: str | None = None) -> None:
        """Delete a session and its turns, from the file too.

        Raises:
            SessionNotFound: when there is no such session for this owner.
        """
        async with self.database.write() as db:
            await db.delete(await find_session(db, session_id, owner))
        await self.database.scrub()


def _insert(connection: Connection, rows: Sequence[Base]) -> None:
    """Store new rows of one table; a session's unit of work takes as long as all the rest."""
    if rows:
        table = inspect(type(rows[0])).columns
        values = [{column.key: getattr(row, column.key) for column in table} for row in rows]
        connection.execute(insert(type(rows[0])), values)


def _make_room(connection: Connection, owner: str | None, num_kept: int, new_id: str) -> None:
    """Delete all but an owner's last used sessions; nobody's are not counted.

    The new one stays, even if the clock was set back and all others seem younger.
    """
    if owner is None:
        return
    unused = (
        select(SessionRow.id)
        .where(SessionRow.owner == owner, SessionRow.id != new_id)
        .order_by(SessionRow.updated_at.desc(), SessionRow.id.desc())
        .offset(num_kept - 1)
    )
    connection.execute(delete(SessionRow).where(SessionRow.id.in_(unused)))


def _session_of(turn: TurnRow, owner: str | None) -> SessionRow:
    return SessionRow(
        id=turn.session_id,
        owner=owner,
        title=title_from(turn.user),
        created_at=turn.created_at,
        updated_at=turn.created_at,
        version=1,
        imported=False,
    )


def _advance(connection: Connection, turn: TurnRow) -> None:
    """Take the session from the version that this turn continues to the next."""
    query = (
        update(SessionRow)
        .where(SessionRow.id == turn.session_id, SessionRow.version == turn.index - 1)
        .values(version=turn.index, updated_at=turn.created_at)
        .returning(SessionRow.id)
    )
    if connection.scalar(query) is None:
        known = connection.scalar(select(SessionRow.id).where(SessionRow.id == turn.session_id))
        raise (SessionNotFound if known is None else SessionConflict)(turn.session_id)
