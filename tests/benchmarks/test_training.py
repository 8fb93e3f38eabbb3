"""The training benchmark: its text, its useful tokens, and a name that nobody has."""

from pathlib import Path
from statistics import mean

import pytest
import torch

from benchmarks import training_sides
from benchmarks.errors import BenchmarkError
from benchmarks.training import _known, lccc_like
from benchmarks.training_sides import Entry, chitchat, ours, run_trainer
from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.store import TokenStore, write_store


@pytest.fixture(scope="module")
def encoder() -> DialogueEncoder:
    """That of the shipped vocabulary."""
    return DialogueEncoder(load_checkpoint(SHIPPED_CHECKPOINT).tokenizer)


def test_the_random_text_is_as_long_as_lccc_s(encoder: DialogueEncoder) -> None:
    found = list(lccc_like(encoder, 2000))
    assert mean(len(item.utterances) for item in found) == pytest.approx(2.85, abs=0.15)
    sizes = [len(text) for item in found for text in item.utterances]
    assert mean(sizes) == pytest.approx(11.8, abs=1)


def test_every_side_counts_what_is_no_padding(
    encoder: DialogueEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(training_sides.SIZES, "tiny", (1, 16, 2))
    monkeypatch.setattr(training_sides, "TrainConfig", _uncompiled)
    write_store(tmp_path / "s", lccc_like(encoder, 40), encoder, max_length=256)
    store = TokenStore(tmp_path / "s", encoder)
    total = int(store.lengths.sum())
    entry = Entry("", "tiny", tmp_path / "s", torch.get_num_threads())
    assert sum(ours(entry, store, encoder)) == total
    assert sum(chitchat(entry, store, encoder)) == total
    pytest.importorskip("accelerate", reason="a peer, of the extra bench")
    seen: list[int] = []
    run_trainer(entry, store, seen.append)
    assert sum(seen) == 3 * total  # its epochs


def _uncompiled(**values: int) -> training_sides.TrainConfig:
    from training.config import TrainConfig

    return TrainConfig(epochs=values["epochs"], compile="off", precision="float32")


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(BenchmarkError, match="不认得 14M；可用的有 13M、96M"):
        _known("13M, 14M", {"13M": 1, "96M": 2})
