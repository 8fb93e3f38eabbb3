"""What a run tells: history, TensorBoard, a curve, and lines on the screen."""

import json
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training import journal as module
from training.dialogue_task import perplexity
from training.journal import Journal


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]


def open_journal(out: Path) -> Journal:
    return Journal(out, describe=lambda loss: f"困惑度 {perplexity(loss):.2f}", unit="token")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the journal reads."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_line_tells_mean_loss_speed_and_time_left(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = open_journal(tmp_path / "out")
    clock.now += 10
    journal.step(1, 8, 4.0, 1.0, 1000)
    assert capsys.readouterr().out == ""
    clock.now += 10
    journal.step(2, 8, 2.0, 1.0, 2000)
    line = capsys.readouterr().out
    assert "第 2/8 步  损失 3.000  困惑度 20.09" in line
    assert "100 token/秒" in line
    assert "还要 1.0 分钟" in line
    clock.now += 20
    journal.step(3, 8, 1.0, 1.0, 6000)
    assert records(tmp_path / "out") == [
        {"step": 2, "loss": 3.0, "tokens_per_second": 100},
        {"step": 3, "loss": 1.0, "tokens_per_second": 200},
    ]


def test_the_last_step_always_gets_a_line_even_in_no_time(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    del clock
    open_journal(tmp_path).step(1, 1, 800.0, 1.0, 10)
    assert "第 1/1 步" in capsys.readouterr().out
    assert records(tmp_path)[0]["loss"] == 800.0


def test_the_speed_of_a_resumed_run_counts_from_where_it_went_on(
    tmp_path: Path, clock: Clock
) -> None:
    journal = open_journal(tmp_path)
    clock.now += 1
    journal.step(501, 600, 4.0, 1.0, 1_000_000)
    clock.now += 19
    journal.step(502, 600, 4.0, 1.0, 1_002_000)
    assert records(tmp_path)[0]["tokens_per_second"] == 100


def test_a_validation_tells_perplexity_and_samples_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = open_journal(tmp_path)
    journal.validation(0, 4.0, [])
    journal.validation(3, 2.0, [("你好", "你好呀！")])
    told = capsys.readouterr().out
    assert "第 3 步  留出集损失 2.0000  困惑度 7.39" in told
    assert "你好 → 你好呀！" in told
    assert records(tmp_path)[1] == {"step": 3, "valid_loss": 2.0, "samples": [["你好", "你好呀！"]]}
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_gets_every_step(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for step in (1, 2):
        journal.step(step, 9, 4.0 / step, 1.5, 10 * step)
    journal.validation(2, 3.0, [])
    journal.close()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    points = {
        tag: [(event.step, event.value) for event in board.Scalars(tag)]
        for tag in board.Tags()["scalars"]
    }
    assert points == {
        "train/loss": [(1, 4.0), (2, 2.0)],
        "train/gradient_norm": [(1, 1.5), (2, 1.5)],
        "valid/loss": [(2, 3.0)],
    }


def test_what_a_resumed_run_will_write_again_is_forgotten(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for step in range(1, 5):
        journal.step(step, step, 4.0, 1.0, 10)
    journal.truncate(2)
    assert [record["step"] for record in records(tmp_path)] == [1, 2]


def test_a_line_that_a_stopped_run_did_not_finish_is_left_out(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.validation(1, 4.0, [("你好", "嗯")])
    with journal.history.open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "valid_l')
    journal.truncate(9)
    assert [record["step"] for record in records(tmp_path)] == [1]
    assert "你好" in journal.history.read_text("utf-8")


def test_a_run_without_a_history_has_nothing_to_forget(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.truncate(5)
    assert records(tmp_path) == []
