"""``python -m chatbot classify``: texts as arguments, lines of a pipe, and mistakes."""

import io
import re
import sys
from pathlib import Path

import pytest

from chatbot.__main__ import main
from chatbot.classifier import load_classifier


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, stdin: bytes = b""
) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["chatbot", "classify", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "ascii"))
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def lines_for(folder: Path, *texts: str) -> list[str]:
    found = load_classifier(folder).classify(texts)
    return [
        f"{item.label}\t{item.probability:.3f}\t{text}"
        for item, text in zip(found, texts, strict=True)
    ]


def test_each_text_is_a_line(
    tiny_head: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["今天真高兴", "我的猫走丢了"]
    assert run(monkeypatch, "--checkpoint", tiny_head, *texts) == 0
    assert capsys.readouterr().out.splitlines() == lines_for(tiny_head, *texts)


def test_without_texts_lines_are_read_whatever_the_locale(
    tiny_head: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = "\ufeff今天真高兴\r\n\n  我的猫走丢了  ".encode() + b"\n\xff\xfe\n"
    assert run(monkeypatch, "--checkpoint", tiny_head, stdin=stdin) == 0
    expected = lines_for(tiny_head, "今天真高兴", "我的猫走丢了", "\ufffd\ufffd")
    assert capsys.readouterr().out.splitlines() == expected


def test_what_is_no_classifier_is_one_line_and_exit_code_2(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--checkpoint", tiny_checkpoint, "好") == 2
    told = capsys.readouterr()
    assert re.fullmatch(r"错误：[^\n]*这是对话模型[^\n]*\n", told.err)
    assert told.out == ""
