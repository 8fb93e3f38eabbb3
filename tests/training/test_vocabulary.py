"""New entries of a vocabulary get rows; a table that is not the model's own is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig
from training.dialogue import train_dialogue
from training.errors import ConfigError
from training.vocabulary import extend_vocabulary


@pytest.fixture
def checkpoint(
    tmp_path: Path, make_model: Callable[..., GPT2LMHeadModel], encoder: DialogueEncoder
) -> Checkpoint:
    """A model of the test's vocabulary, in a folder."""
    folder = save_checkpoint(tmp_path / "start", make_model(), encoder.tokenizer, name="小")
    return load_checkpoint(folder)


def longer(checkpoint: Checkpoint, *entries: str) -> Path:
    table = (checkpoint.folder / "vocab.txt").read_text("utf-8")
    path = checkpoint.folder.with_name("longer.txt")
    path.write_text(table + "".join(f"{entry}\n" for entry in entries), "utf-8")
    return path


def test_new_entries_get_the_mean_of_their_pieces(checkpoint: Checkpoint) -> None:
    old = checkpoint.model.transformer.wte.weight.detach().clone()
    ids = checkpoint.tokenizer.get_vocab()
    tokenizer = extend_vocabulary(checkpoint, longer(checkpoint, "好吗", "龘"))
    table = checkpoint.model.transformer.wte.weight
    assert len(tokenizer) == len(table) == checkpoint.model.config.vocab_size == len(old) + 2
    assert torch.equal(table[: len(old)], old)
    assert torch.allclose(table[-2], (old[ids["好"]] + old[ids["吗"]]) / 2)
    assert torch.allclose(table[-1], old.mean(0))
    assert checkpoint.model.lm_head.weight is table
    assert tokenizer.encode("龘", add_special_tokens=False) == [len(old) + 1]


def test_a_model_with_new_entries_trains_and_is_served(
    checkpoint: Checkpoint,
    corpus: Path,
    tmp_path: Path,
    quick: Callable[..., TrainConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)
    (corpus / "b.txt").write_text("龘龘\n你好龘\n", "utf-8")
    vocab = longer(checkpoint, "龘")
    init = str(checkpoint.folder)
    train_dialogue(corpus, tmp_path / "out", quick(epochs=4), init=init, vocab=vocab)
    loaded = load_checkpoint(tmp_path / "out" / "best")
    assert "龘" in loaded.tokenizer.get_vocab()
    assert loaded.model.config.vocab_size == len(loaded.tokenizer)


def test_without_new_entries_nothing_changes(checkpoint: Checkpoint) -> None:
    size = checkpoint.model.config.vocab_size
    extend_vocabulary(checkpoint, longer(checkpoint))
    assert checkpoint.model.config.vocab_size == size


@pytest.mark.parametrize("change", ["swapped", "short"])
def test_another_table_is_refused(checkpoint: Checkpoint, tmp_path: Path, change: str) -> None:
    lines = (checkpoint.folder / "vocab.txt").read_text("utf-8").split()
    number = len(lines)
    if change == "swapped":
        lines[6], lines[7], number = lines[7], lines[6], 7
    else:
        lines.pop()
    path = tmp_path / "other.txt"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ConfigError, match=rf"从第 {number} 行起与 .* 不同；.*新词加在后面"):
        extend_vocabulary(checkpoint, path)
