"""Model FLOP utilisation: operations counted by hand, and peaks by the names of cards."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import GPT2LMHeadModel

from training import journal as journal_module
from training.freezing import freeze_language_model
from training.journal import Journal
from training.loop import Trainer
from training.utilisation import PEAK_TFLOPS, flops_per_token, peak_flops

MakeModel = Callable[..., GPT2LMHeadModel]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Pretend that this machine has a GPU of that name."""

    def pretend(name: str) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)

    return pretend


def test_operations_are_those_of_palm(make_model: MakeModel) -> None:
    model, width, num_layers, length = make_model(), 16, 2, 32
    of_a_layer = 12 * width**2 + 13 * width  # matrices; biases and two norms
    num_weights = num_layers * of_a_layer + 2 * width + model.config.vocab_size * width
    expected = 6 * num_weights + 12 * num_layers * width * length
    assert flops_per_token(model, length) == expected
    freeze_language_model(model, "all-but-head")  # its head is its own, the embeddings idle
    assert flops_per_token(model, length) == expected


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H200", 989.4),
        ("NVIDIA H200 NVL", 835.5),
        ("NVIDIA H100 PCIe", 756.5),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H20", 148.0),
        ("NVIDIA GH200 480GB", 989.4),
        ("NVIDIA GB200", 2500.0),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA A10G", 70.0),
        ("NVIDIA L40S", 362.0),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("Riva 128", 0.0),
    ],
)
def test_a_card_is_known_by_its_name(card: Callable[[str], None], name: str, tflops: float) -> None:
    card(name)
    assert peak_flops() == pytest.approx(1e12 * tflops)
    assert peak_flops(50.0) == 50e12


def test_no_card_is_hidden_by_one_before_it() -> None:
    for card in PEAK_TFLOPS:
        assert next(known for known in PEAK_TFLOPS if known in card) == card


def test_without_a_gpu_there_is_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert peak_flops(50.0) == 0


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("peak", "told"), [(100.0, "  算力利用率 45.0%  还要"), (0.0, " GB  还要")]
)
def test_the_line_and_tensorboard_tell_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    peak: float,
    told: str,
) -> None:
    clock = Clock()
    monkeypatch.setattr(journal_module, "time", clock)
    journal = Journal(tmp_path, describe=str, unit="token", peak_flops=peak)
    for step, flops in ((1, 300.0), (2, 600.0), (3, 900.0)):
        clock.now += 10
        journal.step(step, 4, 4.0, 1.0, 10, flops=flops)
    journal.close()
    line = capsys.readouterr().out
    assert told in line
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    tags = board.Tags()["scalars"]
    assert ("train/model_flop_utilisation" in tags) == bool(peak)


def test_a_run_counts_its_ids(trainer: Callable[..., Trainer]) -> None:
    run = trainer()
    task = run.task
    batch = next(task.held_out())
    num_ids = int((batch.segment_ids > 0).sum())
    assert 0 < num_ids < batch.labels.numel()
    assert task.flops(batch) == num_ids * flops_per_token(task.model, 32)  # type: ignore[attr-defined]
    assert trainer("frozen", freeze="embeddings").task.flops(batch) == 0  # type: ignore[attr-defined]
