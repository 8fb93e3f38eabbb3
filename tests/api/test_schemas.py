from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.schemas import ChatRequest
from chatbot.decoding.params import RANGES, SamplingParams


def errors_of(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as error:
        ChatRequest.model_validate({"message": "你好", **fields})
    return [(str(item["loc"][0]), item["type"]) for item in error.value.errors()]


def test_only_a_message_is_needed() -> None:
    chat = ChatRequest.model_validate({"message": "你好"})
    assert (chat.session_id, chat.history, chat.stream) == (None, None, False)
    assert chat.sampling() == {}


def test_newlines_are_one_character_and_surrounding_blanks_go() -> None:
    chat = ChatRequest.model_validate({"message": " \u3000一\r\n二\r三\t四\n "})
    assert chat.message == "一\n二\n三\t四"


@pytest.mark.parametrize(
    "message", ["", " ", "\n\t", "\u3000", "\u200b\u200d", "\ufeff", "a\x00b", "\x1b[31m", "\x7f"]
)
def test_a_message_without_text_or_with_control_characters_is_refused(message: str) -> None:
    assert errors_of(message=message)[0][0] == "message"


def test_a_lone_surrogate_is_refused() -> None:
    assert errors_of(message="你\ud800好") == [("message", "string_unicode")]


def test_emoji_with_joiners_pass() -> None:
    family = "👨\u200d👩\u200d👧"
    assert ChatRequest.model_validate({"message": family}).message == family


def test_a_message_has_at_most_2000_characters() -> None:
    assert len(ChatRequest.model_validate({"message": "好" * 2000}).message) == 2000
    assert errors_of(message="好" * 2001) == [("message", "string_too_long")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message", 5),
        ("message", None),
        ("message", ["你好"]),
        ("session_id", 5),
        ("session_id", ""),
        ("session_id", "x" * 65),
        ("stream", 1),
        ("stream", "true"),
        ("temperature", "0.5"),
        ("temperature", True),
        ("top_k", "5"),
        ("top_k", True),
        ("top_k", 5.0),
        ("top_p", [0.5]),
        ("seed", 1.0),
        ("history", "你好"),
        ("history", {"0": "你好"}),
        ("history", ["你好", 5]),
        ("history", ["你好", ""]),
        ("history", ["只有一句"]),
        ("history", ["你好", "你也好"] * 101),
        ("candidates", "3"),
        ("Message", "你好"),
    ],
)
def test_wrong_types_and_unknown_fields_are_refused(field: str, value: Any) -> None:
    assert errors_of(**{field: value})[0][0] == field


@pytest.mark.parametrize("name", RANGES)
def test_the_ranges_are_the_decoders(name: str) -> None:
    allowed = RANGES[name]
    step = 1 if allowed.integer else 0.001
    for value in (allowed.low - step, allowed.high + step):
        assert errors_of(**{name: value})[0][0] == name
    chat = ChatRequest.model_validate({"message": "你好", name: allowed.high})
    assert SamplingParams(**chat.sampling()) == SamplingParams(**{name: allowed.high})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -0.1])
def test_top_p_is_a_number_above_zero(value: float) -> None:
    assert errors_of(top_p=value)[0][0] == "top_p"


def test_a_null_counts_as_left_out() -> None:
    chat = ChatRequest.model_validate({"message": "你好", "temperature": None, "seed": None})
    assert chat.sampling() == {}


def test_history_and_session_exclude_each_other() -> None:
    assert errors_of(session_id="a", history=["你好", "你也好"]) == [("history", "value_error")]


@given(st.text(max_size=50))
def test_whatever_passes_can_be_stored_and_shown(text: str) -> None:
    try:
        message = ChatRequest.model_validate({"message": text}).message
    except ValidationError:
        return
    assert message == message.strip() != ""
    assert "\x00" not in message
    message.encode("utf-8")
