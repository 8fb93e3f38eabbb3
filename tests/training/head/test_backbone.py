"""Pretrained folders of every kind, and those that cannot be used."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertTokenizerFast, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint
from chatbot.errors import CheckpointError
from chatbot.texts import encode_whole_texts
from training.errors import ConfigError
from training.head.backbone import load_pretrained


@pytest.fixture
def folder(pretrained: dict[str, Path], tmp_path: Path) -> Path:
    """A folder to spoil."""
    return Path(shutil.copytree(pretrained["gpt2"], tmp_path / "model"))


def test_a_hub_folder_brings_its_own_weights_and_table(pretrained: dict[str, Path]) -> None:
    backbone, tokenizer = load_pretrained(str(pretrained["gpt2"]))
    whole = GPT2LMHeadModel.from_pretrained(pretrained["gpt2"])
    for name, weight in whole.transformer.named_parameters():
        assert torch.equal(weight, backbone.get_parameter(name)), name
    assert isinstance(tokenizer, BertTokenizerFast)
    assert encode_whole_texts(tokenizer, ["今天"], 16) == [[2, 5, 6, 3]]


def test_our_checkpoint_is_one_too(tiny_checkpoint: Path) -> None:
    backbone, tokenizer = load_pretrained(str(tiny_checkpoint))
    ours = load_checkpoint(tiny_checkpoint)
    assert torch.equal(backbone.wte.weight, ours.model.transformer.wte.weight)
    assert tokenizer.get_vocab() == ours.tokenizer.get_vocab()


def test_a_bert_has_no_pooler(pretrained: dict[str, Path]) -> None:
    backbone, _ = load_pretrained(str(pretrained["bert"]))
    assert not [name for name, _ in backbone.named_parameters() if "pooler" in name]


def test_another_kind_of_tokenizer(pretrained: dict[str, Path]) -> None:
    _, tokenizer = load_pretrained(str(pretrained["other"]))
    assert encode_whole_texts(tokenizer, ["天今", ""], 16) == [[2, 1], [0]]


def test_the_first_layers_only(pretrained: dict[str, Path]) -> None:
    for kind, layers in (("gpt2", "h"), ("bert", "encoder.layer")):
        whole, _ = load_pretrained(str(pretrained[kind]))
        short, _ = load_pretrained(str(pretrained[kind]), num_layers=2)
        assert len(short.get_submodule(layers)) == short.config.num_hidden_layers == 2
        ids = torch.tensor([[5, 6, 7]])
        assert not torch.equal(short(ids).last_hidden_state, whole(ids).last_hidden_state)
        for number in (0, 4):
            with pytest.raises(ConfigError, match="有 3 层"):
                load_pretrained(str(pretrained[kind]), num_layers=number)


def test_a_pickle_is_never_opened(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin: 这是 pickle.*chatbot convert"):
        load_pretrained(str(folder))


def test_remote_code_is_never_run(folder: Path) -> None:
    config = folder / "config.json"
    auto = '"auto_map": {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}, '
    text = config.read_text("utf-8").replace('"gpt2"', '"evil"')
    config.write_text(text.replace("{", "{" + auto, 1), "utf-8")
    (folder / "evil.py").write_text("open('ran', 'w')\nraise SystemExit", "utf-8")
    with pytest.raises(CheckpointError, match="加载不了"):
        load_pretrained(str(folder))
    assert not Path("ran").exists()


def test_weights_that_are_not_all_there_are_refused(folder: Path) -> None:
    """``from_pretrained`` by itself would fill the gap with random numbers."""
    weights = load_file(folder / "model.safetensors")
    missing = next(key for key in weights if key.endswith("h.1.mlp.c_fc.weight"))
    del weights[missing]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"缺少 .*h\.1\.mlp\.c_fc\.weight"):
        load_pretrained(str(folder))


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda folder: shutil.rmtree(folder), "找不到模型文件夹"),
        (lambda folder: (folder / "config.json").unlink(), "缺少 config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "缺少 model.safetensors"),
        (lambda folder: (folder / "vocab.txt").unlink(), "读不出分词器"),
        (lambda folder: (folder / "vocab.txt").write_text("一\n"), "缺少特殊符号"),
        (lambda folder: (folder / "vocab.txt").open("a").write("\n甲\n乙"), "词表有"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), "加载不了"),
        (lambda folder: (folder / "config.json").write_text("{"), "加载不了"),
        (lambda folder: (folder / "head.json").write_text("{}"), "这是分类模型"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(folder: Path, spoil, word: str) -> None:  # type: ignore[no-untyped-def]
    spoil(folder)
    with pytest.raises(CheckpointError, match=word) as caught:
        load_pretrained(str(folder))
    assert "\n" not in str(caught.value)
