"""What clients of /sessions and /feedback send and get."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from api.schemas import Utterance, plain, readable
from api.store.sessions import MAX_TITLE_CHARS
from chatbot.generation import FinishReason

MAX_REASON_CHARS = 500
MAX_REPLY_CHARS = 4000
MAX_IMPORTED_TURNS = 10_000

Rating = Literal["up", "down"]
TurnNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _one_line(text: str) -> str:
    return " ".join(readable(text).split())


def _written_out(moment: Any) -> Any:
    """Not a number of seconds, which would also be taken."""
    if isinstance(moment, datetime) or (isinstance(moment, str) and _RFC_3339.fullmatch(moment)):
        return moment
    raise ValueError("应是带时区的时间，例如 2026-01-31T08:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("不是能用的时间") from None


Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARS), AfterValidator(_one_line)]
Reason = Annotated[str, Field(max_length=MAX_REASON_CHARS), AfterValidator(readable)]
Moment = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_written_out), AfterValidator(_in_utc)
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class StoredTurn(BaseModel):
    """One turn of a session."""

    turn: int = Field(description="第几轮，从 1 数起")
    user: str
    bot: str
    finish_reason: FinishReason
    model: str = Field(description="回答的模型")
    seed: int = Field(description="那一次用的随机种子")
    created_at: datetime
    rating: Rating | None = Field(description="up：赞；down：踩；null：没有评价")
    reason: str | None = Field(description="评价的理由")


class SessionSummary(BaseModel):
    """A session without its turns."""

    session_id: str
    title: str = Field(description="标题；没有改过就是第一句话的开头")
    created_at: datetime
    updated_at: datetime = Field(description="最后一轮的时间")
    num_turns: int = Field(description="有几轮")


class StoredSession(SessionSummary):
    """A whole session."""

    turns: list[StoredTurn]


class SessionPage(BaseModel):
    """A page of the list of sessions."""

    sessions: list[SessionSummary] = Field(description="最近用过的在前")
    next_cursor: str | None = Field(description="下一页的 cursor；null：没有了")


class Rename(_Request):
    """Another title for a session."""

    title: Title = Field(description="新的标题", examples=["周末去哪儿"])


class Deleted(BaseModel):
    """What was deleted."""

    deleted: int = Field(description="删了几个会话")


class ImportedTurn(_Request):
    """One turn of a conversation from outside."""

    user: Utterance
    bot: Annotated[str, Field(max_length=MAX_REPLY_CHARS), AfterValidator(plain)]
    finish_reason: FinishReason = "stop"
    model: Annotated[str, Field(max_length=200), AfterValidator(plain)] = Field(
        "", description="回答的模型；可以不写"
    )
    seed: int = Field(0, ge=0, le=2**63 - 1)
    created_at: Moment | None = Field(None, description="不写就是现在")
    rating: Rating | None = None
    reason: Reason | None = None


class Conversation(_Request):
    """A conversation as it is exported, and imported again."""

    title: Title | None = Field(None, description="不写就用第一句话的开头")
    turns: Annotated[list[ImportedTurn], Field(min_length=1, max_length=MAX_IMPORTED_TURNS)]


class Feedback(_Request):
    """What somebody thinks of a reply."""

    session_id: str = Field(min_length=1, max_length=64, description="哪个会话")
    turn: TurnNumber = Field(description="第几轮")
    rating: Rating | None = Field(description="up：赞；down：踩；null：收回")
    reason: Reason | None = Field(None, description="为什么")

    @model_validator(mode="after")
    def _a_reason_has_a_rating(self) -> Self:
        if self.rating is None and self.reason is not None:
            raise ValueError("收回评价时不能再给 reason")
        return self
