"""What people thought of replies, and the conversations that they liked, for training."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import and_, select

from api.store.database import Database
from api.store.errors import TurnNotFound
from api.store.sessions import find_session
from api.store.tables import FeedbackRow, SessionRow, TurnRow

UP, DOWN = "up", "down"


async def rate(
    database: Database,
    session_id: str,
    index: int,
    owner: str | None,
    rating: str | None,
    reason: str | None,
) -> None:
    """Keep the last word about a turn; `rating` None takes it back.

    Raises:
        SessionNotFound, TurnNotFound: when there is no such turn for this owner.
    """
    async with database.write() as db:
        await find_session(db, session_id, owner)
        if await db.get(TurnRow, (session_id, index)) is None:
            raise TurnNotFound(session_id, index)
        if (former := await db.get(FeedbackRow, (session_id, index))) is not None:
            await db.delete(former)
            await db.flush()
        if rating is not None:
            now = datetime.now(UTC)
            db.add(
                FeedbackRow(
                    session_id=session_id, index=index, rating=rating, reason=reason, created_at=now
                )
            )


async def dialogues(database: Database, *, liked: bool) -> AsyncGenerator[list[str], None]:
    """Conversations for training: utterances in order, the person's first.

    Only what people liked, with what led to it: a conversation is cut at every turn that was
    disliked, and each piece ends with its last turn that was liked. `liked` false: everything.
    Imported conversations are left out: their replies may be anybody's.
    """
    sessions = select(SessionRow.id).where(~SessionRow.imported).order_by(SessionRow.created_at)
    if liked:
        up = FeedbackRow.rating == UP
        sessions = sessions.where(
            select(FeedbackRow.index).where(FeedbackRow.session_id == SessionRow.id, up).exists()
        )
    async with database.read() as db:
        session_ids = (await db.scalars(sessions)).all()
    for session_id in session_ids:
        turns = await _rated_turns(database, session_id)
        for piece in _liked_pieces(turns) if liked else [turns]:
            if piece:
                yield [text for turn, _ in piece for text in (turn.user, turn.bot)]


RatedTurn = tuple[TurnRow, str | None]


async def _rated_turns(database: Database, session_id: str) -> Sequence[RatedTurn]:
    """A session's turns that have a reply, and what was thought of each."""
    same = and_(FeedbackRow.session_id == TurnRow.session_id, FeedbackRow.index == TurnRow.index)
    query = (
        select(TurnRow, FeedbackRow.rating)
        .outerjoin(FeedbackRow, same)
        .where(TurnRow.session_id == session_id, TurnRow.bot != "")
        .order_by(TurnRow.index)
    )
    async with database.read() as db:
        return [(turn, rating) for turn, rating in (await db.execute(query)).all()]


def _liked_pieces(turns: Iterable[RatedTurn]) -> Iterable[list[RatedTurn]]:
    piece: list[RatedTurn] = []
    num_liked = 0  # turns of the piece, up to the last that was liked
    for turn, rating in turns:
        if rating == DOWN:
            yield piece[:num_liked]
            piece, num_liked = [], 0
        else:
            piece.append((turn, rating))
            num_liked = len(piece) if rating == UP else num_liked
    yield piece[:num_liked]
