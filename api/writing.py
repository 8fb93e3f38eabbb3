"""What clients of POST /write send and get. The ranges are the novelist's own."""

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chatbot.writing import WRITING_RANGES, WritingParams

MAX_PROMPT_CHARS = 2000

WritingFinish = Literal["length", "filtered"]


def _writing(name: str, words: str) -> Any:
    bounds: dict[str, Any] = dict(WRITING_RANGES[name].bounds())
    return Field(None, description=words, **bounds)


class WriteRequest(BaseModel):
    """A text to go on from."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    prompt: str = Field(
        "",
        max_length=MAX_PROMPT_CHARS,
        description="从哪里接着写；空着就另起一回。只能用那部小说里出现过的字，标点用全角",
        examples=["江上起了雾，渡口只剩一盏灯。"],
    )
    stream: bool = Field(False, description="true：边写边以 Server-Sent Events 返回")
    max_new_chars: int | None = _writing("max_new_chars", "写多少个字")
    temperature: float | None = _writing("temperature", "越大越出人意料；0 为总选最可能的字")
    top_k: int | None = _writing("top_k", "只在最可能的几个字里选；0 为不限")
    top_p: float | None = _writing("top_p", "只在累计概率达到它的字里选；1 为不限")
    seed: int | None = _writing("seed", "随机种子；同样的种子和开头写出同样的文字")

    def params(self, defaults: WritingParams) -> WritingParams:
        """The fields that the client chose; the others are the novelist's. With a seed."""
        chosen = self.model_dump(include=set(WRITING_RANGES), exclude_none=True)
        return replace(defaults, **chosen).seeded()


class WritingUsage(BaseModel):
    """What was read and written."""

    prompt_chars: int = Field(description="开头有几个字")
    new_chars: int = Field(description="模型写了几个字")


class WriteAnswer(BaseModel):
    """A whole continuation."""

    text: str = Field(description="续写的文字，不含开头")
    finish_reason: WritingFinish = Field(
        description="length：写够了；filtered：写到不合适的地方，停在它前面"
    )
    usage: WritingUsage
    model: str = Field(description="模型的名字")
    seed: int = Field(description="这次用的随机种子")
