from pathlib import Path

import pytest

from training import known
from training.known import corpus_replies


def exchanges(corpus: Path) -> list[tuple[str, str]]:
    return [(item.message, item.reply) for item in corpus_replies(corpus)]


def test_exchanges_of_the_training_side(corpus: Path) -> None:
    (corpus / "generated_memory.txt").write_text("我叫小林\n小林，你好。\n", encoding="utf-8")
    found = exchanges(corpus)
    assert found[:4] == [
        ("你好", "你好呀！"),
        ("今天好累", "早点睡吧。"),
        ("好的", "晚安～"),  # an answer to what came before it: its state alone can find it
        ("吃了吗", "吃了，你呢？"),
    ]
    assert len(found) == 13  # neither held out nor generated


def test_a_corpus_that_is_not_split_is_split_by_its_openers(tmp_path: Path) -> None:
    openers = [f"第{number}句话" for number in range(200)]
    text = "\n\n".join(f"{opener}\n好的。" for opener in openers)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert 150 < len(exchanges(tmp_path / "a.txt")) < 200


def test_what_the_gate_drops_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "held_out").mkdir()
    (tmp_path / "held_out" / "a.txt").write_text("再见\n慢走。\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("你好\n傻逼\n\n晚安\n晚安。\n", encoding="utf-8")
    assert exchanges(tmp_path) == [("晚安", "晚安。")]


def test_there_is_a_limit(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MAX_KNOWN", 3)
    assert len(corpus_replies(corpus)) == 3
