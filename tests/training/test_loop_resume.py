"""A run that was stopped goes on as if it never had been; one that diverged keeps its state."""

import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from chatbot.checkpoint import load_checkpoint
from training.errors import Diverged, TrainingError
from training.learner import Learner
from training.loop import Trainer

MakeTrainer = Callable[..., Trainer]
LENGTH = {"epochs": 3, "save_every": 2, "dropout": 0.2}  # 9 steps; dropout draws numbers


class Stopped(BaseException):
    """As a pressed Ctrl+C."""


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make updates stop the run before the given step."""
    update = Learner.update

    def stop_at(last: int) -> None:
        def stopping(self: Learner, batches: Any, step: int, num_steps: int) -> Any:
            if step == last:
                raise Stopped
            return update(self, batches, step, num_steps)

        monkeypatch.setattr(Learner, "update", stopping)

    return stop_at


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(out / "last").model.state_dict()


def history(out: Path) -> list[dict[str, Any]]:
    """What was recorded, but how fast it went."""
    records = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    return [{key: r[key] for key in r if key != "tokens_per_second"} for r in records]


# The state is saved after steps 2, 3, 4, 6 and 8: every second, and at each epoch's end.
@pytest.mark.parametrize("stops", [[2], [3], [5], [4, 7], [2, 6, 8]])
def test_a_resumed_run_ends_with_the_same_weights(
    trainer: MakeTrainer,
    tmp_path: Path,
    stop_at: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    stops: list[int],
) -> None:
    monkeypatch.setattr("training.journal._SECONDS_BETWEEN_LINES", 0.0)  # a record for every step
    expected = trainer("whole", **LENGTH).run()
    resume = False
    for stop in stops:
        stop_at(stop)
        with pytest.raises(Stopped):
            trainer("stopped", **LENGTH).run(resume=resume)
        resume = True
    stop_at(-1)
    torch.manual_seed(12345)
    outcome = trainer("stopped", **LENGTH).run(resume=True)
    whole, stopped = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[key], stopped[key]) for key in whole)
    assert history(tmp_path / "whole") == history(tmp_path / "stopped")
    assert outcome.seconds > 0
    for name in ("first_loss", "best_loss", "best_step", "num_steps", "num_tokens"):
        assert getattr(outcome, name) == getattr(expected, name), name


def test_a_finished_run_has_nothing_left_to_do(trainer: MakeTrainer, tmp_path: Path) -> None:
    first = trainer(**LENGTH).run()
    before = weights(tmp_path / "run")
    again = trainer(**LENGTH).run(resume=True)
    assert (again.num_steps, again.best_loss) == (first.num_steps, first.best_loss)
    after = weights(tmp_path / "run")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_run_stopped_before_its_first_step_can_be_resumed(
    trainer: MakeTrainer, tmp_path: Path, stop_at: Callable[[int], None]
) -> None:
    stop_at(0)
    with pytest.raises(Stopped):
        trainer("stopped", **LENGTH).run()
    stop_at(-1)
    trainer("stopped", **LENGTH).run(resume=True)
    trainer("whole", **LENGTH).run()
    whole, stopped = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[key], stopped[key]) for key in whole)


def test_a_run_without_a_save_cannot_be_resumed(trainer: MakeTrainer) -> None:
    with pytest.raises(TrainingError, match="没有可以接着训练的存盘；去掉 RESUME=1"):
        trainer(**LENGTH).run(resume=True)


def test_a_run_that_ended_early_stays_ended(trainer: MakeTrainer, tmp_path: Path) -> None:
    losses = iter((5.0, 6.0))
    run = trainer(epochs=6, patience=1)
    run.validate = lambda: next(losses)  # type: ignore[method-assign]
    ended = run.run()
    before = weights(tmp_path / "run")
    again = trainer(epochs=6, patience=1).run(resume=True)
    assert again.num_steps == ended.num_steps < run.num_steps
    after = weights(tmp_path / "run")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_other_settings_or_other_data_are_refused(
    trainer: MakeTrainer, stop_at: Callable[[int], None]
) -> None:
    stop_at(3)
    with pytest.raises(Stopped):
        trainer(**LENGTH).run()
    stop_at(-1)
    with pytest.raises(TrainingError, match="batch_rows 停下时是 2，现在是 3；改回 2，或"):
        trainer(**LENGTH, batch_rows=3).run(resume=True)
    other = trainer(**LENGTH)
    other.settings["data"] = "other"
    with pytest.raises(TrainingError, match="语料与停下时的不同；"):
        other.run(resume=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_where_the_run_stands(
    trainer: MakeTrainer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    trainer("whole", **LENGTH).run()
    update = Learner.update

    def pressed(self: Learner, batches: Any, step: int, num_steps: int) -> Any:
        if step == 6:  # between two saves
            signal.raise_signal(number)
        return update(self, batches, step, num_steps)

    monkeypatch.setattr(Learner, "update", pressed)
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        trainer("stopped", **LENGTH).run()
    assert signal.getsignal(number) is before
    assert "第 7 步已存盘" in capsys.readouterr().out
    monkeypatch.setattr(Learner, "update", update)
    trainer("stopped", **LENGTH).run(resume=True)
    whole, stopped = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert all(torch.equal(whole[key], stopped[key]) for key in whole)


def test_another_model_s_state_is_refused(trainer: MakeTrainer) -> None:
    trainer(epochs=1).run()
    other = trainer(epochs=1)
    other.learner.optimizer.masters[0] = torch.zeros(3, 3)
    with pytest.raises(TrainingError, match="与这个模型不符"):
        other.run(resume=True)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_run_that_diverges_says_so_and_keeps_its_state(
    trainer: MakeTrainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    run = trainer(**LENGTH)
    whole_loss = run.learner.loss_sum

    def loss_sum(*arguments: Any) -> torch.Tensor:
        loss = whole_loss(*arguments)
        return loss * value if run.progress.step == 5 and loss.requires_grad else loss

    run.learner.loss_sum = loss_sum
    with pytest.raises(Diverged, match=r"第 6 步.*；调小 learning_rate.*RESUME=1"):
        run.run()
    (kept,) = torch.load(tmp_path / "run" / "diverged.0.pt")
    assert sorted(kept) == ["input_ids", "labels", "position_ids", "segment_ids"]
    state = json.loads((tmp_path / "run" / "state" / "progress.json").read_text("utf-8"))
    assert state["step"] == 4
    assert all(tensor.isfinite().all() for tensor in weights(tmp_path / "run").values())
    monkeypatch.undo()
    assert trainer(**LENGTH).run(resume=True).num_steps == 9
