"""pydantic's error codes in Chinese: what is wrong, and what is allowed."""

from collections.abc import Mapping
from typing import Any

_WORDS = {
    "missing": "不能缺少",
    "extra_forbidden": "不是可用的字段",
    "string_type": "应是字符串",
    "string_too_short": "不能为空",
    "string_too_long": "太长，最多 {max_length} 个字符",
    "string_unicode": "含有无法用 UTF-8 表示的字符（不成对的代理项）",
    "int_type": "应是整数",
    "int_parsing": "应是整数",
    "int_parsing_size": "应是整数，而且这个数太大了",
    "int_from_float": "应是整数",
    "float_type": "应是数字",
    "float_parsing": "应是数字",
    "finite_number": "应是有限的数字",
    "bool_type": "应是 true 或 false",
    "bool_parsing": "应是 true 或 false",
    "list_type": "应是数组",
    "too_long": "太多，最多 {max_length} 项",
    "too_short": "太少，最少 {min_length} 项",
    "greater_than": "太小，必须大于 {gt}",
    "greater_than_equal": "太小，最小是 {ge}",
    "less_than": "太大，必须小于 {lt}",
    "less_than_equal": "太大，最大是 {le}",
    "model_attributes_type": "应是 JSON 对象",
    "model_type": "应是 JSON 对象",
    "dict_type": "应是 JSON 对象",
    "path_type": "应是路径",
    "literal_error": "应是 {expected} 之一",
}


def in_words(code: str, context: Mapping[str, Any]) -> str:
    """The Chinese predicate for one pydantic error, to stand after the field's name.

    `context` is the error's `ctx`: it holds the limits. A validator of our own writes its
    message in Chinese itself; it arrives here as a `value_error`.
    """
    if code == "value_error":
        return str(context.get("error", "取值不对"))
    words = _WORDS.get(code, "取值不对")
    return words.format_map({name: _number(value) for name, value in context.items()})


def _number(value: Any) -> Any:
    if isinstance(value, str):  # the choices of a literal: "'auto', 'int8' or 'float32'"
        return value.replace(" or ", "、").replace(", ", "、").replace("'", "")
    return int(value) if isinstance(value, float) and value.is_integer() else value
