"""``train_classifier`` and ``train_generator``: from data to a folder that works."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from chatbot.checkpoint import load_checkpoint
from chatbot.classifier import load_classifier
from chatbot.dialogue import DialogueEncoder
from training.errors import ConfigError
from training.head.backbone import load_pretrained
from training.head.train import HeadOptions, train_classifier, train_generator

Quick = Callable[..., Any]


@pytest.mark.parametrize("kind", ["gpt2", "bert", "other"])
@pytest.mark.parametrize("freeze", ["none", "no_grad"])
def test_a_classifier_learns_and_is_calibrated(
    pretrained: dict[str, Path],
    data: Path,
    tmp_path: Path,
    quick_head: Quick,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    freeze: str,
) -> None:
    out = tmp_path / "mine"
    options = HeadOptions(init=str(pretrained[kind]), freeze=freeze, pooling="mean", held_out=0.2)
    outcome = train_classifier(data, out, quick_head(epochs=8), options)
    assert outcome.best_loss < 0.9 * outcome.first_loss
    classifier = load_classifier(out / "best")
    assert classifier.name == "mine"
    assert sorted(classifier.labels) == ["坏", "好"]
    found = classifier.classify(["我很喜欢这个菜", "我很讨厌这个菜"])
    assert [item.label for item in found] == ["好", "坏"]
    head = json.loads((out / "best" / "head.json").read_text("utf-8"))
    assert head["temperature"] != 1
    assert json.loads((out / "best" / "manifest.json").read_text("utf-8"))["accuracy"] > 0.5
    report = (out / "report" / "report.md").read_text("utf-8")
    assert "| 好 |" in report
    assert "期望校准误差" in report
    assert (out / "report" / "confusion.png").is_file()
    told = capsys.readouterr().out
    assert "准确率" in told
    assert f"--checkpoint {out / 'best'}" in told
    assert not (out / "features").exists(), "what was computed once is not left behind"


def test_a_frozen_backbone_is_saved_to_the_bit(
    gpt2_folder: str, data: Path, tmp_path: Path, quick_head: Quick
) -> None:
    from chatbot.head_folder import load_head

    before, _ = load_pretrained(gpt2_folder)
    train_classifier(
        data, tmp_path / "out", quick_head(), HeadOptions(init=gpt2_folder, freeze="all")
    )
    after = load_head(tmp_path / "out" / "best").model.backbone
    for name, weight in before.named_parameters():
        assert torch.equal(weight, after.get_parameter(name)), name


def test_a_stopped_run_goes_on(
    gpt2_folder: str, data: Path, tmp_path: Path, quick_head: Quick
) -> None:
    """Two epochs and then two more are four in one go, to the bit."""
    options = HeadOptions(init=gpt2_folder)
    constant = {"min_learning_rate": 1.0, "warmup_steps": 0}
    whole = train_classifier(data, tmp_path / "whole", quick_head(epochs=4, **constant), options)
    train_classifier(data, tmp_path / "parts", quick_head(epochs=2, **constant), options)
    config = quick_head(epochs=4, **constant)
    parts = train_classifier(data, tmp_path / "parts", config, options, resume=True)
    assert (parts.num_steps, parts.best_loss) == (whole.num_steps, whole.best_loss)
    with pytest.raises(ConfigError, match="没有可以接着训练的存盘"):
        train_classifier(data, tmp_path / "other", quick_head(), options, resume=True)


def test_labels_that_differ_much_are_told_and_weighed(
    gpt2_folder: str,
    tmp_path: Path,
    quick_head: Quick,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [f"常见\t这个菜是{a}{b}{c}" for a in "我你他" for b in "真好坏很" for c in "天气去来"]
    lines += ["少见\t我讨厌", "少见\t你讨厌", "少见\t他讨厌", lines[0]]
    (tmp_path / "data.tsv").write_text("\n".join(lines), "utf-8")
    for balance, told in ((True, "已按频率的倒数加权"), (False, "去掉 --no-balance")):
        options = HeadOptions(init=gpt2_folder, balance=balance)
        train_classifier(tmp_path / "data.tsv", tmp_path / f"{balance}", quick_head(), options)
        printed = capsys.readouterr().out
        assert told in printed
        assert "重复的 1 条不用" in printed


def test_texts_longer_than_the_backbone_reads_are_refused(
    gpt2_folder: str, data: Path, corpus: Path, tmp_path: Path, quick_head: Quick
) -> None:
    options = HeadOptions(init=gpt2_folder)
    for train, given in ((train_classifier, data), (train_generator, corpus)):
        with pytest.raises(ConfigError, match="32 个位置"):
            train(given, tmp_path / "out", quick_head(row_length=33), options)
    with pytest.raises(ConfigError, match="pooling=max"):
        HeadOptions(init=gpt2_folder, pooling="max")


@pytest.mark.parametrize("freeze", ["no_grad", "all", "none"])
def test_a_new_language_head_learns_on_a_backbone_and_talks(
    tiny_checkpoint: Path, corpus: Path, tmp_path: Path, quick_head: Quick, freeze: str
) -> None:
    out = tmp_path / "out"
    options = HeadOptions(init=str(tiny_checkpoint), freeze=freeze)
    config = quick_head(epochs=10, row_length=32)
    outcome = train_generator(corpus, out, config, options)
    assert outcome.best_loss < 0.8 * outcome.first_loss
    best, start = load_checkpoint(out / "best"), load_checkpoint(tiny_checkpoint)
    assert not best.model.config.tie_word_embeddings
    assert not torch.equal(best.model.lm_head.weight, best.model.transformer.wte.weight)
    same = torch.equal(best.model.transformer.wte.weight, start.model.transformer.wte.weight)
    assert same == (freeze != "none")
    ids = torch.tensor([DialogueEncoder(best.tokenizer).encode(["你好"])])
    cached = best.model(ids, use_cache=True)
    assert cached.past_key_values is not None
    assert best.model.config.use_cache
