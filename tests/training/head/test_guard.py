"""The guard's classifier: what it learns from, and how its folder is finished."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatbot.classifier import load_classifier
from training.errors import ConfigError
from training.head import guard as module
from training.head.examples import Example
from training.head.guard import judge, train_guard
from training.head.guard_texts import (
    INNOCENT,
    OFFENSIVE,
    gather,
    innocent_utterances,
    read_labelled,
)

RUDE, KIND = "烂坏丑臭", "好美香甜"
NOUNS = "山水花鸟鱼虫云月风雨"


def rows(letters: str, label: int, ending: str) -> list[str]:
    chance = random.Random(label)
    return [
        f"{label}\t{noun}{letter}{chance.choice(NOUNS)}{other}{ending}"
        for noun in NOUNS
        for letter in letters
        for other in NOUNS
    ]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Small sources in the place of the real ones."""
    cold, examples, corpus = tmp_path / "cold.tsv", tmp_path / "examples.tsv", tmp_path / "corpus"
    cold.write_text("\n".join(rows(RUDE, 1, "") + rows(KIND, 0, "")), "utf-8")
    examples.write_text("\n".join(rows(RUDE, 1, "呢") + rows(KIND, 0, "呢")), "utf-8")
    corpus.mkdir()
    said = [line.split("\t")[1] for line in rows(KIND, 0, "呀")]
    (corpus / "a.txt").write_text("\n".join(said), "utf-8")
    (corpus / "generated_b.txt").write_text("拼出来的一句\n又一句", "utf-8")
    return {"cold": cold, "examples": examples, "corpus": corpus}


def test_sources_are_split_without_overlap(sources: dict[str, Path]) -> None:
    texts = gather(**sources, seed=0)
    split = texts.split
    assert split.labels == (INNOCENT, OFFENSIVE)
    assert len(texts.sets["COLD"]) == pytest.approx(0.05 * 800, abs=2)
    assert len(texts.sets["本项目的例句"]) == pytest.approx(0.2 * 800, abs=2)
    assert split.held_out == texts.sets["COLD"] + texts.sets["本项目的例句"]
    learnt = {item.text for item in split.train}
    from_corpus = [text for text in learnt if text.endswith("呀")]
    assert len(from_corpus) == pytest.approx(0.4 * 400, rel=0.2)
    judged = {item.text for item in split.held_out}.union(*texts.innocent.values())
    assert learnt.isdisjoint(judged)
    assert len(texts.innocent["随附语料"]) == pytest.approx(0.2 * 400, rel=0.3)
    assert all(any(letter in text for letter in KIND) for text in texts.innocent["形似的例句"])
    assert not [text for text in learnt | judged if "拼" in text]


def test_a_text_keeps_its_side_whatever_else_there_is(sources: dict[str, Path]) -> None:
    before = gather(**sources, seed=0)
    file = sources["corpus"] / "a.txt"
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join(["多出来的一句", *reversed(lines[7:])]), "utf-8")
    after = gather(**sources, seed=0)
    learnt = {item.text for item in before.split.train}
    assert learnt.isdisjoint(after.innocent["随附语料"])
    assert learnt & {item.text for item in after.split.train}


def test_what_the_lexicon_blocks_is_not_innocent(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("今天真好\n是呀，真好\n你这个傻逼\n今天真好", "utf-8")
    assert innocent_utterances(tmp_path) == ["今天真好", "是呀，真好"]


def test_other_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("1\t坏\n0\t好", "utf-8")
    assert read_labelled(path) == [Example(OFFENSIVE, "坏"), Example(INNOCENT, "好")]
    path.write_text("1\t坏\n2\t好", "utf-8")
    with pytest.raises(ConfigError, match="标签 2 不可用"):
        read_labelled(path)


def test_it_is_trained_shrunk_and_given_its_threshold(
    sources: dict[str, Path],
    tiny_checkpoint: Path,
    tmp_path: Path,
    quick_head: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (
        ("EXAMPLES", sources["examples"]),
        ("PROVIDED_CORPUS", sources["corpus"]),
        ("SHIPPED_CHECKPOINT", tiny_checkpoint),
        ("_NUM_LAYERS", 1),
        ("_CONFIG", quick_head(epochs=2, batch_rows=32)),
    ):
        monkeypatch.setattr(module, name, value)
    folder = train_guard(sources["cold"], tmp_path / "out")
    head = json.loads((folder / "head.json").read_text("utf-8"))
    assert head["int8"]
    assert (head["positive"], head["labels"]) == (OFFENSIVE, [INNOCENT, OFFENSIVE])
    assert head["temperature"] != 1
    classifier = load_classifier(folder)
    assert classifier.probability("山烂水月") > classifier.probability("山美水月")
    texts = gather(**sources, seed=0)
    for group in texts.innocent.values():
        wrong = sum(classifier.probability(text) >= classifier.threshold for text in group)
        assert wrong <= 0.005 * len(group)
    figures = judge(classifier, texts.sets["COLD"])
    assert figures.area > 0.9
    assert figures.chosen.threshold == classifier.threshold
    assert (tmp_path / "out" / "report" / "precision_recall.png").is_file()
    told = capsys.readouterr().out
    assert f"阈值 {classifier.threshold:.4f}" in told
    assert "误拦" in told
    assert str(figures) in told
    again = train_guard(sources["cold"], tmp_path / "out", resume=True)
    assert load_classifier(again).threshold == classifier.threshold
