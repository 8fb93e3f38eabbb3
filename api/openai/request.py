"""What OpenAI's clients send."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.openai.fields import Content, Only, Stops
from api.problems import invalid_field
from api.schemas import plain
from chatbot.decoding.params import RANGES

_MAX_CHOICES = 8
_MAX_TOP_LOGPROBS = 20


def _sampling(name: str, words: str) -> Any:
    bounds: dict[str, Any] = dict(RANGES[name].bounds())
    return Field(None, description=words, **bounds)


class Message(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Content = Field(None, description="文字，或一段段的文字")


class StreamOptions(BaseModel):
    """How the stream is to be."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    include_usage: bool | None = Field(None, description="true：最后多一个事件，报告 token 数")


class CompletionRequest(BaseModel):
    """A request for chat completions."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, frozen=True)

    model: str = Field(description="模型的名字，见 `/v1/models`")
    messages: Annotated[list[Message], Field(min_length=1)] = Field(
        description="对话，从早到晚，最后一条是 user；system 和 developer 收下但不起作用"
    )
    stream: bool | None = Field(None, description="true：边生成边返回")
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=_MAX_CHOICES)] | None = Field(None, description="要几个回复")
    stop: Stops = Field(None, description="写到其中一个就停，它自己不出现")
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description=f"回复最长多少个 token；超过 {RANGES['max_new_tokens'].high} 的按它算"
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="同 max_tokens，以它为准"
    )
    temperature: float | None = _sampling("temperature", "越大越活泼；0 为总选最可能的词")
    top_p: float | None = _sampling("top_p", "只在累计概率达到它的词里选；1 为不限")
    seed: int | None = _sampling("seed", "随机种子；同样的种子和输入得到同样的回复")
    top_k: int | None = _sampling("top_k", "只在最可能的几个词里选；0 为不限")
    min_p: float | None = _sampling("min_p", "不选比最可能的词差太多的；0 为不限")
    repetition_penalty: float | None = _sampling("repetition_penalty", "大于 1 时少重复")

    logprobs: bool | None = Field(
        None, description="true：连同每个 token 的对数概率；流式时文字随之一次给出"
    )
    top_logprobs: Annotated[int, Field(ge=0, le=_MAX_TOP_LOGPROBS)] | None = Field(
        None, description="每个位置上再给几个最可能的 token；须同时 logprobs 为 true"
    )

    presence_penalty: Annotated[Any, Only(0)] = Field(None, description="不支持")
    frequency_penalty: Annotated[Any, Only(0)] = Field(None, description="不支持")
    logit_bias: Annotated[Any, Only({})] = Field(None, description="不支持")
    tools: Annotated[Any, Only([])] = Field(None, description="不支持")
    functions: Annotated[Any, Only([])] = Field(None, description="不支持")
    tool_choice: Annotated[Any, Only("none", "auto")] = Field(None, description="不支持")
    function_call: Annotated[Any, Only("none", "auto")] = Field(None, description="不支持")
    response_format: Annotated[Any, Only({"type": "text"})] = Field(None, description="不支持")
    modalities: Annotated[Any, Only(["text"])] = Field(None, description="不支持")
    audio: Annotated[Any, Only()] = Field(None, description="不支持")

    def sampling(self) -> dict[str, Any]:
        """The sampling fields that the client chose, by our names."""
        chosen = self.model_dump(include=set(RANGES), exclude_none=True)
        length = self.max_completion_tokens or self.max_tokens
        if length is not None:
            chosen["max_new_tokens"] = min(length, int(RANGES["max_new_tokens"].high))
        return chosen

    def num_top_logprobs(self) -> int | None:
        """How many alternatives go with each log-probability; None: none of them is wanted.

        Raises:
            ProblemError: 422 for alternatives without log-probabilities.
        """
        if self.logprobs:
            return self.top_logprobs or 0
        if self.top_logprobs:
            words = '要和 "logprobs": true 一起用；请加上它，或去掉 top_logprobs'
            raise invalid_field("top_logprobs", "needs_logprobs", words)
        return None

    def conversation(self) -> tuple[list[str], str]:
        """The history, whole turns, the user's utterance first; and the message to answer.

        Neighbours of one role become one utterance. What the assistant said before the user
        first spoke is left out.

        Raises:
            ProblemError: 422 when nobody asks, or a text is none.
        """
        spoken: list[tuple[str, str]] = []
        for place, message in enumerate(self.messages):
            if message.role not in {"user", "assistant"} or not (message.content or "").strip():
                continue
            text = _checked(message.content or "", place)
            if spoken and spoken[-1][0] == message.role:
                spoken[-1] = (message.role, f"{spoken[-1][1]}\n{text}")
            elif spoken or message.role == "user":
                spoken.append((message.role, text))
        if not spoken or spoken[-1][0] != "user":
            raise invalid_field("messages", "no_question", "的最后一条应是 user，并且有文字")
        *history, message_text = [text for _, text in spoken]
        return history, message_text


def _checked(text: str, place: int) -> str:
    try:
        return plain(text).strip()
    except ValueError as error:
        raise invalid_field(f"messages/{place}/content", "unreadable", str(error)) from None
