"""Types of fields that OpenAI's clients may write in more than one way."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

_MAX_STOPS = 4
_MAX_STOP_CHARS = 64
_ONLY_TEXT = '只支持文字：每一段应是 {"type": "text", "text": "……"}'


class Only:
    """Marks a field that we cannot honour: just the values that change nothing are taken."""

    def __init__(self, *neutral: Any) -> None:
        self._neutral = (None, *neutral)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {"enum": list(self._neutral)}

    def _check(self, value: Any) -> Any:
        if value not in self._neutral:
            raise ValueError("不支持；请去掉这个字段")
        return value


def _text_of(content: Any) -> Any:
    """The text of a message's content, which may come in parts."""
    if not isinstance(content, list):
        return content
    parts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise ValueError(_ONLY_TEXT)
        parts.append(text)
    return "".join(parts)


def _as_list(stops: Any) -> Any:
    return [stops] if isinstance(stops, str) else stops


_PART = {
    "type": "object",
    "required": ["type", "text"],
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
}
Content = Annotated[
    str | None,
    BeforeValidator(_text_of),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": _PART}, {"type": "null"}]}
    ),
]
Stop = Annotated[str, Field(min_length=1, max_length=_MAX_STOP_CHARS)]
_STOP = {"type": "string", "minLength": 1, "maxLength": _MAX_STOP_CHARS}
Stops = Annotated[
    Annotated[list[Stop], Field(max_length=_MAX_STOPS)] | None,
    BeforeValidator(_as_list),
    WithJsonSchema(
        {
            "anyOf": [
                _STOP,
                {"type": "array", "items": _STOP, "maxItems": _MAX_STOPS},
                {"type": "null"},
            ]
        }
    ),
]
