"""What clients of /classify send and get."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import Utterance

MAX_TEXTS = 64


class ClassifyRequest(BaseModel):
    """Texts to classify, each by itself."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    texts: Annotated[list[Utterance], Field(min_length=1, max_length=MAX_TEXTS)] = Field(
        description="要判的句子；太长的只看开头", examples=[["今天天气真好", "你说话真难听"]]
    )


class Classified(BaseModel):
    """What one text is."""

    label: str = Field(description="最可能的类")
    probability: float = Field(description="它的概率，0 到 1")
    probabilities: dict[str, float] = Field(description="每一类的概率")


class ClassifyAnswer(BaseModel):
    """What the texts are."""

    results: list[Classified] = Field(description="每句一个，顺序与请求相同")
    model: str = Field(description="模型的名字")


class Head(BaseModel):
    """The head that is loaded."""

    model: str = Field(description="模型的名字")
    labels: list[str] = Field(description="它分的类")
