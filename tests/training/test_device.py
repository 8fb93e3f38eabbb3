"""Where a run computes, in what precision, and when it compiles."""

from typing import Any

import pytest
import torch
from torch._dynamo.exc import TorchDynamoException

from training import device as module
from training.device import compile_if_worthwhile, pick_device, pick_dtype

CPU = torch.device("cpu")
MANY = 10**7


def double(value: int) -> int:
    return 2 * value


@pytest.mark.parametrize(("available", "expected"), [(True, "cuda"), (False, "cpu")])
def test_a_graphics_card_is_used_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, available: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert pick_device().type == expected


@pytest.mark.parametrize(
    ("precision", "hardware", "expected"),
    [
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
        ("bfloat16", False, torch.bfloat16),
        ("float32", True, torch.float32),
    ],
)
def test_bfloat16_is_chosen_where_the_hardware_has_it(
    monkeypatch: pytest.MonkeyPatch, precision: str, hardware: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(module, "_has_bfloat16", lambda _: hardware)
    assert pick_dtype(precision, CPU) == expected


@pytest.mark.parametrize(
    ("mode", "num_tokens", "able", "compiled"),
    [
        ("auto", MANY, True, True),
        ("auto", MANY, False, False),
        ("auto", 1000, True, False),
        ("on", 1000, False, True),
        ("off", MANY, True, False),
    ],
)
def test_compiling_happens_where_it_pays(
    monkeypatch: pytest.MonkeyPatch, mode: str, num_tokens: int, able: bool, compiled: bool
) -> None:
    monkeypatch.setattr(module, "_can_compile", lambda _: able)
    monkeypatch.setattr(torch, "compile", lambda function: lambda value: function(value) + 1)
    function = compile_if_worthwhile(double, mode, num_tokens, CPU)
    assert (function is double) == (not compiled)
    assert function(3) == (7 if compiled else 6)


def test_where_compiling_fails_the_run_goes_on_without_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: Any) -> Any:
        raise TorchDynamoException("no compiler\nat all")

    monkeypatch.setattr(torch, "compile", lambda _: failing)
    function = compile_if_worthwhile(double, "on", 1, CPU)
    assert [function(3), function(4)] == [6, 8]
    assert capsys.readouterr().out.count("编译不成（no compiler）") == 1
