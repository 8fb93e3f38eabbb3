import pytest

from api.wording import in_words


@pytest.mark.parametrize(
    ("code", "context", "words"),
    [
        ("missing", {}, "不能缺少"),
        ("less_than_equal", {"le": 2.0}, "太大，最大是 2"),
        ("greater_than_equal", {"ge": 0.5}, "太小，最小是 0.5"),
        ("string_too_long", {"max_length": 2000}, "太长，最多 2000 个字符"),
        ("value_error", {"error": ValueError("不能全是空白")}, "不能全是空白"),
        ("a_code_of_the_future", {"whatever": 1}, "取值不对"),
    ],
)
def test_each_code_says_what_is_wrong_and_what_is_allowed(
    code: str, context: dict[str, object], words: str
) -> None:
    assert in_words(code, context) == words
