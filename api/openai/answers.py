"""What OpenAI's clients get."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from chatbot.bot import Reply
from chatbot.generation import FinishReason as OwnFinishReason

FinishReason = Literal["stop", "length", "content_filter"]
FINISH_REASONS: dict[OwnFinishReason, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "filtered": "content_filter",
}


class CompletionUsage(BaseModel):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChoiceMessage(BaseModel):
    """A whole reply."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """One of the replies."""

    index: int
    message: ChoiceMessage
    finish_reason: FinishReason = Field(
        description="stop：说完了；length：到了长度上限；content_filter：原回复不合适，换了一句"
    )
    logprobs: None = None


class Completion(BaseModel):
    """The answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="时间，从 1970 年起的秒数")
    model: str
    choices: list[Choice]
    usage: CompletionUsage
    seed: int = Field(description="第一个回复用的随机种子，后面的依次加一")


class ChoiceDelta(BaseModel):
    """What is new of one reply."""

    index: int
    delta: dict[str, str]
    finish_reason: FinishReason | None = None


class Chunk(BaseModel):
    """An event of the stream."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChoiceDelta]
    usage: CompletionUsage | None = None


class Model(BaseModel):
    """A model that answers."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["xianliao"] = "xianliao"


class Models(BaseModel):
    """All models that answer: one."""

    object: Literal["list"] = "list"
    data: list[Model]


class ErrorBody(BaseModel):
    """What is wrong, as OpenAI says it."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """An error as OpenAI's clients expect it."""

    error: ErrorBody


def usage_of(replies: Sequence[Reply]) -> CompletionUsage:
    """The tokens of all replies; their prompt is one."""
    read = replies[0].prompt_tokens
    written = sum(reply.completion_tokens for reply in replies)
    return CompletionUsage(
        prompt_tokens=read, completion_tokens=written, total_tokens=read + written
    )
