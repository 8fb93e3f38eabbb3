"""An owner's sessions as a list: pages of it, searched, renamed, deleted all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, or_, select, tuple_

from api.store.database import Database
from api.store.sessions import find_session
from api.store.tables import SessionRow, TurnRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Cursor:
    """Where the next page of a list goes on: after this session, as it was listed."""

    updated_at: datetime
    session_id: str

    def __str__(self) -> str:
        return f"{(self.updated_at - _EPOCH) // _MICROSECOND}_{self.session_id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what `str` wrote.

        Raises:
            ValueError: when it is not that.
        """
        number, separator, session_id = text.partition("_")
        if not (separator and number.isascii() and number.isdecimal() and len(number) <= 17):
            raise ValueError(text)
        return cls(_EPOCH + int(number) * _MICROSECOND, session_id)


async def list_sessions(
    database: Database, owner: str | None, *, search: str, limit: int, after: Cursor | None
) -> tuple[Sequence[SessionRow], Cursor | None]:
    """A page of an owner's sessions, the last used first, and where the next page begins.

    `search` is looked for in titles and in what was said; upper and lower case are the same.
    Nobody owns nothing: the list is empty.
    """
    if owner is None:
        return [], None
    query = select(SessionRow).where(SessionRow.owner == owner)
    if search:
        query = _holding(query, search)
    place = tuple_(SessionRow.updated_at, SessionRow.id)
    if after is not None:
        query = query.where(place < tuple_(after.updated_at, after.session_id))
    query = query.order_by(SessionRow.updated_at.desc(), SessionRow.id.desc())
    async with database.read() as db:
        found = (await db.scalars(query.limit(limit + 1))).all()
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], Cursor(last.updated_at, last.id)


async def rename_session(
    database: Database, session_id: str, owner: str | None, title: str
) -> SessionRow:
    """Give a session another title.

    Raises:
        SessionNotFound: when there is no such session for this owner.
    """
    async with database.write() as db:
        row = await find_session(db, session_id, owner)
        row.title = title
    return row


async def remove_all(database: Database, owner: str | None) -> int:
    """Delete all of an owner's sessions, from the file too; returns how many."""
    if owner is None:
        return 0
    query = delete(SessionRow).where(SessionRow.owner == owner).returning(SessionRow.id)
    async with database.write() as db:
        removed = len((await db.scalars(query)).all())
    await database.scrub()
    return removed


def _holding(query: Select[SessionRow], words: str) -> Select[SessionRow]:
    said = (
        select(TurnRow.index)
        .where(TurnRow.session_id == SessionRow.id)
        .where(
            or_(
                TurnRow.user.icontains(words, autoescape=True),
                TurnRow.bot.icontains(words, autoescape=True),
            )
        )
    )
    return query.where(or_(SessionRow.title.icontains(words, autoescape=True), said.exists()))
