"""What clients send and get. The ranges of the sampling fields are the decoder's own."""

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from api.settings import MAX_DEADLINE_SECONDS, MAX_HISTORY_UTTERANCES, MAX_MESSAGE_CHARS
from chatbot.decoding.params import RANGES
from chatbot.generation import FinishReason

_BLANK_CATEGORIES = {"Cc", "Cf", "Zs", "Zl", "Zp"}


def plain(text: str) -> str:
    """Newlines as one character.

    Raises:
        ValueError: for control characters other than newline and tab.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in "\n\t":
            raise ValueError(f"含有控制字符 U+{ord(character):04X}，只允许换行和制表符")
    return text


def readable(text: str) -> str:
    """Plain text without blanks around it.

    Raises:
        ValueError: for control characters other than newline and tab, and for blank text.
    """
    text = plain(text)
    if all(unicodedata.category(character) in _BLANK_CATEGORIES for character in text):
        raise ValueError("不能全是空白")
    return text.strip()


Utterance = Annotated[
    str, Field(min_length=1, max_length=MAX_MESSAGE_CHARS), AfterValidator(readable)
]


def _sampling(name: str, words: str) -> Any:
    bounds: dict[str, Any] = dict(RANGES[name].bounds())
    return Field(None, description=words, **bounds)


class ChatRequest(BaseModel):
    """One message to the bot, alone, in a session, or with its own history."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    message: Utterance = Field(
        description="要说的话；还要放得进模型，上限见 `/readyz`", examples=["今天有点累"]
    )
    session_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="接着哪个会话说；不给就新开一个会话"
    )
    history: Annotated[list[Utterance], Field(max_length=MAX_HISTORY_UTTERANCES)] | None = Field(
        None,
        description="之前的话，从早到晚，用户先说、一人一句，条数为偶数；"
        "给了它就什么都不保存，也不能再给 session_id",
    )
    stream: bool = Field(False, description="true：边生成边以 Server-Sent Events 返回")
    resumable: bool = Field(
        False, description="true：事件流断了也接着生成一小会儿，等你用 `GET /chat/{reply_id}` 续收"
    )
    deadline_seconds: Annotated[float, Field(ge=1, le=MAX_DEADLINE_SECONDS)] | None = Field(
        None, description="最多等几秒，到时没答完就返回 504；服务自己的上限更短时以它为准"
    )
    temperature: float | None = _sampling("temperature", "越大越活泼；0 为总选最可能的词")
    top_k: int | None = _sampling("top_k", "只在最可能的几个词里选；0 为不限")
    top_p: float | None = _sampling("top_p", "只在累计概率达到它的词里选；1 为不限")
    min_p: float | None = _sampling("min_p", "不选比最可能的词差太多的：至少有它这么多倍；0 为不限")
    repetition_penalty: float | None = _sampling("repetition_penalty", "大于 1 时少重复")
    no_repeat_ngram: int | None = _sampling("no_repeat_ngram", "不重复这么长的片段；0 为不限")
    max_new_tokens: int | None = _sampling("max_new_tokens", "回复最长多少个 token")
    candidates: int | None = _sampling(
        "candidates", "先拟几个回复，再挑最好的一次说出；1 为不挑，逐字流出"
    )
    seed: int | None = _sampling("seed", "随机种子；同样的种子和输入得到同样的回复")

    @field_validator("history")
    @classmethod
    def _whole_turns_and_no_session(
        cls, history: list[str] | None, info: ValidationInfo
    ) -> list[str] | None:
        if history is not None and info.data.get("session_id") is not None:
            raise ValueError("和 session_id 只能给一个")
        if history is not None and len(history) % 2:
            raise ValueError("的条数应是偶数：用户一句，回复一句，最后一句放在 message 里")
        return history

    def sampling(self) -> dict[str, Any]:
        """The sampling fields that the client chose; the others are the checkpoint's."""
        return self.model_dump(include=set(RANGES), exclude_none=True)


class Usage(BaseModel):
    """What the reply was made from. History is counted in utterances."""

    prompt_tokens: int = Field(description="模型读到的 token 数")
    completion_tokens: int = Field(description="模型写出的 token 数")
    history_used: int = Field(description="用上的历史句数")
    history_dropped: int = Field(description="太早、放不下而没用上的历史句数")


class ChatAnswer(BaseModel):
    """A whole reply."""

    reply: str = Field(description="回复")
    session_id: str | None = Field(description="会话；请求里给了 history 时为 null")
    turn: int | None = Field(description="会话里的第几轮，从 1 数起；没有会话时为 null")
    finish_reason: FinishReason = Field(
        description="stop：说完了；length：到了长度上限；filtered：原回复不合适，换了一句"
    )
    usage: Usage
    model: str = Field(description="模型的名字")
    seed: int = Field(description="这次用的随机种子")


class Started(BaseModel):
    """A reply was admitted."""

    reply_id: str


class Delta(BaseModel):
    """A piece of a reply that is being written."""

    text: str


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Defaults(BaseModel):
    """The sampling fields of a request that does not choose them."""

    model_config = ConfigDict(from_attributes=True)

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    no_repeat_ngram: int
    max_new_tokens: int
    candidates: int


class Readiness(BaseModel):
    """The bot is loaded and has really generated; the sessions can be reached."""

    status: Literal["ready"] = "ready"
    model: str = Field(description="模型的名字")
    max_message_chars: int = Field(description="一条消息最多几个字")
    defaults: Defaults = Field(description="请求里不给这些参数时用的值")
