"""Rows of a table from a JSON schema: names, types, ranges and defaults in Chinese."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

_TYPES = {
    "string": "字符串",
    "integer": "整数",
    "number": "数字",
    "boolean": "布尔值",
    "object": "对象",
    "null": "null",
}
_FORMATS = {"date-time": "时间（ISO 8601，UTC）"}


@dataclass(frozen=True)
class Field:
    """One row: everything is text to show."""

    name: str
    type: str
    allowed: str
    default: str
    description: str
    required: bool


def resolve(openapi: Schema, schema: Schema) -> Schema:
    """The schema itself, or the component that it refers to."""
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    found: Schema = openapi["components"]["schemas"][name]
    return found


def fields_of(
    openapi: Schema, schema: Schema, defaults: Mapping[str, Any], prefix: str = ""
) -> Iterator[Field]:
    """The rows of an object's fields; those of inner objects follow, as `usage.prompt_tokens`."""
    required = schema.get("required", [])
    for name, given in schema.get("properties", {}).items():
        inner = resolve(openapi, given)
        options = [resolve(openapi, option) for option in inner.get("anyOf", [inner])]
        main = next((o for o in options if o.get("type") != "null"), inner)
        yield Field(
            name=prefix + name,
            type=" 或 ".join(_type(openapi, option) for option in options),
            allowed=_allowed(main),
            default=_default(inner, defaults.get(name)),
            description=given.get("description", ""),
            required=name in required and not prefix,
        )
        items = resolve(openapi, main.get("items", {}))
        if "properties" in main:
            yield from fields_of(openapi, main, defaults, f"{prefix}{name}.")
        elif "properties" in items:
            yield from fields_of(openapi, items, defaults, f"{prefix}{name}[].")


def _type(openapi: Schema, schema: Schema) -> str:
    if schema.get("type") == "array":
        return f"{_type(openapi, resolve(openapi, schema['items']))}的数组"
    if "enum" in schema or "const" in schema:
        is_text = all(isinstance(value, str) for value in schema.get("enum", []))
        return "字符串" if is_text else "任意"
    return _FORMATS.get(schema.get("format", ""), _TYPES.get(schema.get("type", ""), "任意"))


def _allowed(schema: Schema) -> str:
    if "enum" in schema:
        return " / ".join(_written(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "maxItems" in schema:
        return f"最多 {schema['maxItems']} 项"
    if "maxLength" in schema:
        return f"{schema.get('minLength', 0)}–{schema['maxLength']} 个字符"
    if "maximum" not in schema:
        return ""
    high = _number(schema["maximum"])
    if "exclusiveMinimum" in schema:
        return f"大于 {_number(schema['exclusiveMinimum'])}，最大 {high}"
    return f"{_number(schema['minimum'])}–{high}"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: float) -> str:
    """FastAPI writes every bound as a float, which is exact only up to 2**53."""
    if abs(value) > 2**53:
        return f"{value:.3g}"
    return str(int(value) if value == int(value) else value)


def _default(schema: Schema, model_default: Any) -> str:
    if model_default is not None:
        return f"{model_default}（随模型）"
    default = schema.get("default")
    if isinstance(default, bool):
        return "true" if default else "false"
    return "" if default is None else str(default)
