"""A checkpoint folder: round trip, the hub's form, atomic saving."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from chatbot import checkpoint as module
from chatbot.checkpoint import load_checkpoint, save_checkpoint, special_ids, weights_dtype
from chatbot.known import KnownReply
from chatbot.known_states import KnownStates
from vocab.wordpiece import SHIPPED_VOCAB, SPECIAL_TOKENS, load_tokenizer

FILES = (
    "model.safetensors",
    "config.json",
    "vocab.txt",
    "tokenizer_config.json",
    "generation_config.json",
)
IDS = torch.tensor([[2, 700, 800, 3]])


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


@pytest.fixture
def hub_folder(tmp_path: Path) -> Path:
    """A random GPT-2 as ``save_pretrained`` leaves it, with a small vocabulary of its own."""
    tokens = [*SPECIAL_TOKENS, *"你好吗我很今天气不错"]
    config = GPT2Config(vocab_size=len(tokens), n_positions=32, n_embd=16, n_layer=1, n_head=2)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "hub")
    (tmp_path / "hub" / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    return tmp_path / "hub"


def test_what_is_saved_is_what_is_loaded(tiny_checkpoint: Path, tmp_path: Path) -> None:
    first = load_checkpoint(tiny_checkpoint)
    generation, facts = {"temperature": 0.5}, {"steps": 7, "data": "闲聊"}
    out = save_checkpoint(
        tmp_path / "a" / "copy",
        first.model,
        first.tokenizer,
        name="小闲",
        generation=generation,
        facts=facts,
        dtype=torch.float32,
    )
    again = load_checkpoint(out)
    assert again.folder == out
    assert again.generation == generation
    assert again.manifest["name"] == "小闲"
    assert facts.items() <= again.manifest.items()
    assert set(again.manifest["sha256"]) == set(FILES)
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "manifest.json"])
    assert again.tokenizer.get_vocab() == first.tokenizer.get_vocab()
    for key, tensor in first.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[key], tensor), key


def test_known_replies_and_their_states_come_back(tiny_checkpoint: Path, tmp_path: Path) -> None:
    plain = load_checkpoint(tiny_checkpoint)
    assert (plain.known, plain.states) == ((), None)
    known = tuple(KnownReply(f"第{n}句", f"答{n}。", frozenset(), opens=n > 1) for n in range(5))
    seen = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)
    states = KnownStates.of(seen)
    out = save_checkpoint(
        tmp_path / "a", plain.model, plain.tokenizer, name="a", known=known, states=states
    )
    again = load_checkpoint(out)
    assert again.known == known
    assert again.states is not None
    np.testing.assert_array_equal(again.states.vectors, states.vectors)
    assert again.states.likeness(seen[3]).argmax() == 3
    own = {"known_replies.tsv.xz", "known_states.npz"}
    assert set(again.manifest["sha256"]) == {*FILES, *own}
    save_checkpoint(out, plain.model, plain.tokenizer, name="a", known=known)
    assert (load_checkpoint(out).known, load_checkpoint(out).states) == (known, None)
    with pytest.raises(AssertionError, match="each reply has its state"):
        save_checkpoint(out, plain.model, plain.tokenizer, name="a", known=known[:4], states=states)
    assert load_checkpoint(out).known == known


def test_a_loaded_model_is_ready_to_use(tiny_checkpoint: Path) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    assert not loaded.model.training
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert loaded.model.lm_head.weight is loaded.model.transformer.wte.weight
    config = loaded.model.config
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (0, 2, 3)
    assert weights_dtype(tiny_checkpoint) == "F16"
    assert "lm_head.weight" not in load_file(tiny_checkpoint / "model.safetensors")


def test_untied_weights_come_back_untied(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(SHIPPED_VOCAB)
    size = {"n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2}
    ids = special_ids(tokenizer)
    config = GPT2Config(vocab_size=len(tokenizer), tie_word_embeddings=False, **size, **ids)
    model = GPT2LMHeadModel(config).eval()
    folder = save_checkpoint(tmp_path / "m", model, tokenizer, name="m", dtype=torch.float32)
    torch.testing.assert_close(load_checkpoint(folder).model(IDS).logits, model(IDS).logits)


def test_the_hub_s_own_loader_reads_our_folder(tiny_checkpoint: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_checkpoint, dtype=torch.float32).eval()
    assert isinstance(model, GPT2LMHeadModel)
    assert (model.config.eos_token_id, model.config.pad_token_id) == (3, 0)
    assert model.config.architectures == ["GPT2LMHeadModel"]
    torch.testing.assert_close(
        model(IDS).logits, load_checkpoint(tiny_checkpoint).model(IDS).logits
    )


def test_we_read_the_hub_s_folder(hub_folder: Path) -> None:
    loaded = load_checkpoint(hub_folder)
    hub = AutoModelForCausalLM.from_pretrained(hub_folder, dtype=torch.float32).eval()
    ids = torch.tensor([[2, 5, 6, 3]])
    torch.testing.assert_close(loaded.model(ids).logits, hub(ids).logits)
    assert (loaded.manifest["name"], loaded.generation) == ("hub", {})
    assert loaded.model.config.eos_token_id == 3


@pytest.mark.parametrize(
    "fails", ["save", "write_json", "save_vocab", "write_manifest", "replace_folder"]
)
def test_a_failing_save_leaves_the_old_folder_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    loaded = load_checkpoint(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(module, fails, full)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(folder, loaded.model, loaded.tokenizer, name="new")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    monkeypatch.undo()
    save_checkpoint(folder, loaded.model, loaded.tokenizer, name="new")
    assert load_checkpoint(folder).manifest["name"] == "new"
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_saving_changes_nothing_in_the_model(tiny_checkpoint: Path, tmp_path: Path) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    before = {key: tensor.clone() for key, tensor in loaded.model.state_dict().items()}
    save_checkpoint(tmp_path / "m", loaded.model, loaded.tokenizer, name="m", dtype=torch.bfloat16)
    assert weights_dtype(tmp_path / "m") == "BF16"
    assert all(torch.equal(loaded.model.state_dict()[key], before[key]) for key in before)


def test_the_weights_are_as_readable_as_the_other_files(tiny_checkpoint: Path) -> None:
    modes = {path.stat().st_mode for path in tiny_checkpoint.iterdir() if path.is_file()}
    assert len(modes) == 1
