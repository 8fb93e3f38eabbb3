"""How many cores a model computes on."""

import os

import pytest

from chatbot.cores import spare_cores


@pytest.fixture
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


@pytest.mark.usefixtures("sixteen_cores")
@pytest.mark.parametrize("told", ["", " ", "many"])
def test_one_core_is_left_to_the_event_loop(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert spare_cores() == 15


@pytest.mark.usefixtures("sixteen_cores")
@pytest.mark.parametrize(("told", "cores"), [("1", 1), ("4", 4), ("4,2", 4), ("0", 1)])
def test_who_shares_the_machine_out_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, told: str, cores: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert spare_cores() == cores
