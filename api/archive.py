"""Stored conversations as clients see them, and as files: out and in again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from sqlalchemy import and_, select

from api.conversation import (
    Conversation,
    ImportedTurn,
    Rating,
    SessionSummary,
    StoredSession,
    StoredTurn,
)
from api.store.database import Database
from api.store.sessions import find_session, new_session_id, title_from
from api.store.tables import FeedbackRow, SessionRow, TurnRow
from chatbot.generation import FinishReason

_KEPT = {"user", "bot", "finish_reason", "model", "seed", "created_at", "rating", "reason"}


def summary_of(row: SessionRow) -> SessionSummary:
    """A session without its turns."""
    return SessionSummary(
        session_id=row.id,
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        num_turns=row.version,
    )


async def whole_session(database: Database, session_id: str, owner: str | None) -> StoredSession:
    """A session with its turns and what was thought of them, at one moment.

    Raises:
        SessionNotFound: when there is no such session for this owner.
    """
    same = and_(FeedbackRow.session_id == TurnRow.session_id, FeedbackRow.index == TurnRow.index)
    query = (
        select(TurnRow, FeedbackRow)
        .outerjoin(FeedbackRow, same)
        .where(TurnRow.session_id == session_id)
        .order_by(TurnRow.index)
    )
    async with database.read() as db:
        row = await find_session(db, session_id, owner)
        turns = (await db.execute(query)).all()
    return StoredSession(
        **summary_of(row).model_dump(),
        turns=[_turn_of(turn, feedback) for turn, feedback in turns],
    )


def exported(session: StoredSession, form: Literal["json", "txt"]) -> str:
    """The session as the text of a file, without its id: whoever has the file has no more."""
    if form == "json":
        turns = [ImportedTurn(**turn.model_dump(include=_KEPT)) for turn in session.turns]
        conversation = Conversation(title=session.title or None, turns=turns)
        return conversation.model_dump_json(indent=2) + "\n"
    lines = [session.title, f"{session.created_at:%Y-%m-%d %H:%M}（UTC）", ""]
    for turn in session.turns:
        lines += [f"我：{turn.user}", f"小闲：{turn.bot}"]
    return "\n".join(lines) + "\n"


def rows_of(
    conversation: Conversation, owner: str | None
) -> tuple[SessionRow, Sequence[TurnRow], Sequence[FeedbackRow]]:
    """A new session of this owner: itself, its turns, and the feedback on them."""
    now = datetime.now(UTC)
    turns = conversation.turns
    session = SessionRow(
        id=new_session_id(),
        owner=owner,
        title=conversation.title or title_from(turns[0].user),
        created_at=turns[0].created_at or now,
        updated_at=now,
        version=len(turns),
        imported=True,
    )
    rows = [
        TurnRow(
            session_id=session.id,
            index=index,
            created_at=turn.created_at or now,
            **turn.model_dump(include={"user", "bot", "finish_reason", "model", "seed"}),
        )
        for index, turn in enumerate(turns, 1)
    ]
    feedback = [
        FeedbackRow(
            session_id=session.id,
            index=index,
            rating=turn.rating,
            reason=turn.reason,
            created_at=now,
        )
        for index, turn in enumerate(turns, 1)
        if turn.rating is not None
    ]
    return session, rows, feedback


def _turn_of(turn: TurnRow, feedback: FeedbackRow | None) -> StoredTurn:
    return StoredTurn(
        turn=turn.index,
        user=turn.user,
        bot=turn.bot,
        finish_reason=cast(FinishReason, turn.finish_reason),
        model=turn.model,
        seed=turn.seed,
        created_at=turn.created_at,
        rating=cast(Rating, feedback.rating) if feedback else None,
        reason=feedback.reason if feedback else None,
    )
