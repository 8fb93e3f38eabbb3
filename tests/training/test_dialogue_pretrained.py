"""Fine-tuning from what others trained: GPT2-chitchat's folder, and a GPT-2 in the hub's form."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint
from chatbot.convert import convert_checkpoint
from chatbot.errors import CheckpointError
from training.config import TrainConfig
from training.dialogue import train_dialogue

Quick = Callable[..., TrainConfig]


@pytest.fixture
def pretrained(tmp_path: Path, vocab_file: Path) -> Path:
    """A folder as ckiplab and uer lay theirs out, with the keys of an older library."""
    folder = tmp_path / "gpt2-base-chinese"
    folder.mkdir()
    tokens = vocab_file.read_text("utf-8").split("\n")
    config = GPT2Config(vocab_size=len(tokens), n_positions=64, n_embd=16, n_layer=2, n_head=2)
    torch.manual_seed(0)
    GPT2LMHeadModel(config).save_pretrained(folder)
    values = json.loads((folder / "config.json").read_text("utf-8"))
    values |= {"n_ctx": 64, "gradient_checkpointing": False, "tokenizer_class": "BertTokenizerFast"}
    values |= {"task_specific_params": {"text-generation": {"do_sample": True, "max_length": 64}}}
    (folder / "config.json").write_text(json.dumps(values), "utf-8")
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    options = {"do_lower_case": False, "tokenize_chinese_chars": True, "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(options), "utf-8")
    (folder / "special_tokens_map.json").write_text('{"unk_token": "[UNK]"}', "utf-8")
    return folder


def as_chitchat(pretrained: Path, folder: Path) -> Path:
    """Turn a folder into ``pytorch_model.bin`` with the masks that older versions kept."""
    folder.mkdir()
    state = GPT2LMHeadModel.from_pretrained(pretrained).state_dict()
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 64, 64)
    state["transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    torch.save(state, folder / "pytorch_model.bin")
    for name in ("config.json", "vocab.txt"):
        (folder / name).write_bytes((pretrained / name).read_bytes())
    return folder


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)


@pytest.mark.parametrize("freeze", ["none", "1", "all-but-head"])
def test_a_hub_folder_is_fine_tuned_with_its_own_tokenizer(
    pretrained: Path, corpus: Path, tmp_path: Path, quick: Quick, freeze: str
) -> None:
    out = tmp_path / "out"
    outcome = train_dialogue(corpus, out, quick(epochs=3, freeze=freeze), init=str(pretrained))
    assert outcome.best_loss < outcome.first_loss
    best = load_checkpoint(out / "best")
    assert best.manifest["name"] == "gpt2-base-chinese"
    assert (best.folder / "vocab.txt").read_text("utf-8") == (pretrained / "vocab.txt").read_text(
        "utf-8"
    )
    assert not best.tokenizer.init_kwargs["do_lower_case"]


def test_a_chitchat_folder_is_converted_and_fine_tuned(
    pretrained: Path, corpus: Path, tmp_path: Path, quick: Quick
) -> None:
    theirs = as_chitchat(pretrained, tmp_path / "chitchat")
    with pytest.raises(CheckpointError, match="先运行 python -m chatbot convert"):
        train_dialogue(corpus, tmp_path / "out", quick(), init=str(theirs))
    ours = convert_checkpoint(theirs, tmp_path / "ours")
    before = GPT2LMHeadModel.from_pretrained(pretrained).state_dict()
    after = load_checkpoint(ours).model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    outcome = train_dialogue(corpus, tmp_path / "out", quick(epochs=3), init=str(ours))
    assert outcome.best_loss < outcome.first_loss


def test_a_vocabulary_of_another_size_is_refused(
    pretrained: Path, corpus: Path, tmp_path: Path, quick: Quick
) -> None:
    with (pretrained / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("龘\n")
    with pytest.raises(CheckpointError, match=r"请放回训练时用的 vocab\.txt"):
        train_dialogue(corpus, tmp_path / "out", quick(), init=str(pretrained))
