import math
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.decoding.params import RANGES, Range, SamplingParams
from chatbot.errors import InvalidParams


def test_defaults_are_within_their_ranges() -> None:
    params = SamplingParams()
    assert asdict(params) == {
        "temperature": 0.7,
        "top_k": 0,
        "top_p": 0.9,
        "min_p": 0.0,
        "repetition_penalty": 1.1,
        "no_repeat_ngram": 0,
        "max_new_tokens": 64,
        "candidates": 1,
        "seed": None,
    }
    assert set(RANGES) == set(asdict(params))


@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("temperature", [0, 0.0, 2, 1.5]),
        ("top_k", [0, 1, 1000]),
        ("top_p", [1, 1.0, 1e-9]),
        ("min_p", [0, 0.5, 1]),
        ("candidates", [1, 16]),
        ("repetition_penalty", [0.5, 2, 1]),
        ("no_repeat_ngram", [0, 10]),
        ("max_new_tokens", [1, 128]),
        ("seed", [None, 0, 2**63 - 1]),
    ],
)
def test_values_at_the_edges_are_allowed(field: str, good: list[Any]) -> None:
    for value in good:
        assert getattr(SamplingParams(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("temperature", [-0.1, 2.1, math.nan, math.inf, -math.inf, True, "1", None, 10**400]),
        ("top_k", [-1, 1001, 5.0, False, "5", None, math.nan]),
        ("top_p", [0, 0.0, -1, 1.01, math.nan, True, None]),
        ("min_p", [-0.1, 1.01, math.nan, True, None]),
        ("candidates", [0, 17, 2.0, True, None]),
        ("repetition_penalty", [0.49, 2.01, math.nan, True, None]),
        ("no_repeat_ngram", [-1, 11, 2.0, True, None]),
        ("max_new_tokens", [0, 129, 1.0, True, None]),
        ("seed", [-1, 2**63, 1.0, True, "7"]),
    ],
)
def test_values_out_of_range_are_refused_with_field_and_range(field: str, bad: list[Any]) -> None:
    for value in bad:
        with pytest.raises(InvalidParams) as caught:
            SamplingParams(**{field: value})
        assert caught.value.field == field
        assert caught.value.allowed == str(RANGES[field])
        assert "\n" not in str(caught.value)


def test_replace_checks_again() -> None:
    assert replace(SamplingParams(), top_k=5).top_k == 5
    with pytest.raises(InvalidParams):
        replace(SamplingParams(), top_k=-5)


def test_params_are_frozen_and_keyword_only() -> None:
    with pytest.raises(FrozenInstanceError):
        SamplingParams().top_k = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        SamplingParams(0.5)  # type: ignore[call-arg]


def test_seeded_keeps_a_seed_and_draws_one_that_is_in_range() -> None:
    assert SamplingParams(seed=7).seeded() == SamplingParams(seed=7)
    drawn = {SamplingParams().seeded().seed for _ in range(20)}
    assert len(drawn) == 20
    assert all(seed in RANGES["seed"] and seed is not None for seed in drawn)


def test_ranges_speak_chinese_and_give_pydantic_bounds() -> None:
    assert str(RANGES["top_k"]) == "0 到 1000 的整数"
    assert str(RANGES["top_p"]) == "大于 0、不超过 1 的数"
    assert RANGES["top_p"].bounds() == {"gt": 0, "le": 1}
    assert RANGES["temperature"].bounds() == {"ge": 0, "le": 2}


@given(st.one_of(st.booleans(), st.floats(), st.integers(), st.text(), st.none()))
def test_a_range_never_raises_and_holds_no_bool_or_nan(value: object) -> None:
    inside = value in Range(0, 1)
    assert inside == (type(value) in (int, float) and 0 <= value <= 1)  # type: ignore[operator]
