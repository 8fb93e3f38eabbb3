"""The loop: every dialogue learnt from, best and last kept, stopped early, resumed to the bit."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training import packing
from training.collate import Batch
from training.learner import Learner, Step
from training.loop import Outcome, Trainer
from training.samples import OPENERS

MakeTrainer = Callable[..., Trainer]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).model.state_dict()


def history(out: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (out / "history.jsonl").read_text("utf-8").splitlines()]
    return [{key: r[key] for key in r if key != "tokens_per_second"} for r in records]


def test_a_run_learns_and_keeps_best_and_last(trainer: MakeTrainer, tmp_path: Path) -> None:
    run = trainer(epochs=6)
    outcome = run.run()
    assert outcome.best_loss < 0.9 * outcome.first_loss
    assert outcome.num_steps == run.num_steps == run.shares.epoch_ends[-1]
    assert outcome.num_tokens == 6 * (run.task.num_tokens - 8)  # a first id is no target
    out = tmp_path / "run"
    for name in ("best", "last"):
        loaded = load_checkpoint(out / name)
        assert (loaded.manifest["name"], loaded.generation) == ("小", {"temperature": 0.5})
    assert load_checkpoint(out / "best").manifest["steps"] == outcome.best_step
    assert load_checkpoint(out / "last").manifest["steps"] == outcome.num_steps
    losses = [record["valid_loss"] for record in history(out) if "valid_loss" in record]
    assert len(losses) == 7
    assert min(losses) == pytest.approx(outcome.best_loss, abs=1e-4)
    samples = [record["samples"] for record in history(out) if record.get("samples")]
    assert [[opener for opener, _ in replies] for replies in samples] == [list(OPENERS)] * 6


def test_the_manifest_s_perplexity_is_that_of_the_saved_weights(
    trainer: MakeTrainer, tmp_path: Path
) -> None:
    run = trainer(epochs=3)
    run.run()
    loaded = load_checkpoint(tmp_path / "run" / "last")
    run.learner.model.load_state_dict(loaded.model.state_dict())
    expected = torch.tensor(run.validate()).exp()
    assert loaded.manifest["held_out_perplexity"] == pytest.approx(float(expected), rel=1e-3)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[list[Batch]]:
    """The batches of each update; none of them is computed."""
    seen: list[list[Batch]] = []

    def update(_: Learner, batches: list[Batch], step: int, num_steps: int) -> Step:
        assert 0 <= step < num_steps
        seen.append(batches)
        return Step(1.0, 1.0, 1)

    monkeypatch.setattr(Learner, "update", update)
    return seen


def dialogues_in(batches: list[Batch]) -> Iterator[tuple[int, ...]]:
    for batch in batches:
        for ids, segments in zip(batch.input_ids, batch.segment_ids, strict=True):
            for segment in range(1, int(segments.max()) + 1):
                yield tuple(ids[segments == segment].tolist())


def test_every_dialogue_is_learnt_from_once_an_epoch(
    trainer: MakeTrainer,
    encoder: DialogueEncoder,
    seen: list[list[Batch]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also when another order packs into a row more or less."""
    monkeypatch.setattr(packing, "_POOL", 5)
    characters = "你好呀今天累早点睡吧的晚安"
    dialogues = [(characters[: 1 + k % 13], characters[k % 11 :][: 1 + k % 5]) for k in range(60)]
    run = trainer(dialogues=dialogues, epochs=4, row_length=24)
    run.run()
    ends = [0, *run.shares.epoch_ends]
    assert len({end - begin for begin, end in itertools.pairwise(ends)}) > 1
    expected = Counter(tuple(encoder.encode(texts)) for texts in dialogues)
    for begin, end in itertools.pairwise(ends):
        found = Counter(ids for batches in seen[begin:end] for ids in dialogues_in(batches))
        assert found == expected


def test_a_step_holds_as_many_rows_as_asked(trainer: MakeTrainer, seen: list[list[Batch]]) -> None:
    run = trainer(epochs=2, batch_rows=2, accumulate=2)  # five rows: the last batch has but one
    run.run()
    assert [len(batches) for batches in seen] == [2, 1, 2, 1]
    assert {batch.input_ids.shape for batches in seen for batch in batches} == {(2, 32)}
    rows = [int(batch.segment_ids.any(dim=1).sum()) for batches in seen for batch in batches]
    assert rows == [2, 2, 1] * 2


@pytest.mark.parametrize(("every", "steps"), [(0, [0, 3, 6, 9]), (4, [0, 4, 8, 9]), (5, [0, 5, 9])])
def test_validation_comes_when_asked_and_at_the_end(
    trainer: MakeTrainer, tmp_path: Path, seen: list[list[Batch]], every: int, steps: list[int]
) -> None:
    run = trainer(epochs=3, batch_rows=2, validate_every=every)
    assert run.shares.epoch_ends == [3, 6, 9]
    run.run()
    assert len(seen) == 9
    records = history(tmp_path / "run")
    assert [record["step"] for record in records if "valid_loss" in record] == steps


def scripted(run: Trainer, *losses: float) -> Outcome:
    """Run with these held-out losses, the first before any step."""
    remaining = iter(losses)
    run.validate = lambda: next(remaining)  # type: ignore[method-assign]
    return run.run()


@pytest.mark.parametrize(
    ("patience", "losses", "best_epoch", "epochs"),
    [
        (2, (5.0, 3.0, 4.0, 4.0), 1, 3),
        (2, (5.0, 3.0, 4.0, 2.0, 3.0, 3.0), 3, 5),
        (1, (5.0, 6.0), 0, 1),
        (1, (5.0, 5.0), 0, 1),
        (0, (5.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0), 0, 6),
    ],
)
def test_a_run_without_progress_stops_early(
    trainer: MakeTrainer,
    tmp_path: Path,
    patience: int,
    losses: tuple[float, ...],
    best_epoch: int,
    epochs: int,
) -> None:
    run = trainer(epochs=6, patience=patience)
    outcome = scripted(run, *losses)
    length = run.shares.epoch_ends[0]
    assert (outcome.best_step, outcome.num_steps) == (best_epoch * length, epochs * length)
    assert (outcome.first_loss, outcome.best_loss) == (losses[0], min(losses))
    for name, epoch in (("best", best_epoch), ("last", epochs)):
        assert load_checkpoint(tmp_path / "run" / name).manifest["steps"] == epoch * length
