"""What OpenAI's clients get."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from chatbot.bot import Reply
from chatbot.generation import FinishReason as OwnFinishReason
from chatbot.likelihood import LikelyToken

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


class TopLogprob(BaseModel):
    """A token, and how likely the model found it."""

    token: str = Field(description="它给回复添上的文字；`[SEP]` 这类记号写它的名字")
    logprob: float = Field(
        description="自然对数概率：温度 1，不经 top_p、重复惩罚之类，模型自己的看法"
    )
    bytes: list[int] | None = Field(description="文字的 UTF-8 字节；记号没有，为 null")


class TokenLogprob(TopLogprob):
    """A token of the reply."""

    top_logprobs: list[TopLogprob] = Field(description="这个位置上最可能的几个，从大到小")


class Logprobs(BaseModel):
    """All tokens of a reply."""

    content: list[TokenLogprob] = Field(
        description="整个出现在回复里的 token，依次；文字连起来就是回复，被 stop 切开的不算"
    )
    refusal: None = None


class Choice(BaseModel):
    """One of the replies."""

    index: int
    message: ChoiceMessage
    finish_reason: FinishReason = Field(
        description="stop：说完了；length：到了长度上限；content_filter：原回复不合适，换了一句"
    )
    logprobs: Logprobs | None = Field(
        None, description="没有要，或者原回复换成了别的（content_filter）：null"
    )


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
    logprobs: Logprobs | None = None
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


def logprobs_of(tokens: Sequence[LikelyToken] | None) -> Logprobs | None:
    """The tokens of a reply as OpenAI's clients read them."""
    if tokens is None:
        return None
    content = [
        TokenLogprob(**_fields(token), top_logprobs=[TopLogprob(**_fields(o)) for o in token.top])
        for token in tokens
    ]
    return Logprobs(content=content)


def _fields(token: LikelyToken) -> dict[str, Any]:
    utf8 = None if token.is_mark else list(token.text.encode())
    return {"token": token.text, "logprob": token.log_prob, "bytes": utf8}


def usage_of(replies: Sequence[Reply]) -> CompletionUsage:
    """The tokens of all replies; their prompt is one."""
    read = replies[0].prompt_tokens
    written = sum(reply.completion_tokens for reply in replies)
    return CompletionUsage(
        prompt_tokens=read, completion_tokens=written, total_tokens=read + written
    )
