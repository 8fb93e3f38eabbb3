from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.__main__ import main
from training.errors import CorpusError
from training.known import add_known
from training.ranking.features import ANYWHERE, LIKELY, SAMPLED, STATE, WORDS, judge_all
from training.ranking.ratings import Rated, write_ratings
from training.ranking.report import write_fit

TALKS = [
    Rated(("今天好累",), ("早点睡吧。", "天气真好"), (2, 0)),
    Rated(("今天好累", "早点睡吧。", "好的"), ("晚安～", "我很好！", "吃吃吃"), (2, 1, 0)),
]


@pytest.fixture
def folder(
    tmp_path: Path,
    corpus: Path,
    make_model: Callable[..., GPT2LMHeadModel],
    encoder: DialogueEncoder,
) -> Path:
    path = save_checkpoint(tmp_path / "model", make_model(), encoder.tokenizer, name="小")
    add_known(path, corpus)
    return path


def test_features_are_those_of_plain_forward_passes(folder: Path, encoder: DialogueEncoder) -> None:
    checkpoint = load_checkpoint(folder)
    first, later = judge_all(checkpoint, TALKS)
    assert (first.is_first, later.is_first) == (True, False)
    assert later.ratings.tolist() == [2, 1, 0]
    known, sampled = first.features
    assert known[WORDS] == pytest.approx(1, abs=1e-3)
    assert known[STATE] == pytest.approx(1, abs=0.05)  # its own place, on 8 bits an axis
    assert known[[SAMPLED, LIKELY, ANYWHERE]].tolist() == [0, 0, 0]
    assert sampled[[SAMPLED, WORDS, STATE]].tolist() == [1, 0, 0]
    prompt, reply = encoder.encode(["今天好累"]), encoder.encode(["天气真好"])[1:]
    with torch.no_grad():
        for place, prefix in ((LIKELY, prompt), (ANYWHERE, [encoder.cls_id])):
            logits = checkpoint.model(torch.tensor([[*prefix, *reply]])).logits[0]
            behind = logits[len(prefix) - 1 : -1].log_softmax(-1)
            expected = behind[range(len(reply)), reply].mean()
            assert sampled[place] == pytest.approx(float(expected), abs=0.05)


def test_a_conversation_that_does_not_fit_the_model_is_left_out(folder: Path) -> None:
    long = Rated(("好" * 70,), ("好的", "晚安"), (2, 0))
    assert len(judge_all(load_checkpoint(folder), [long, *TALKS])) == 2


def test_the_command_writes_the_tables(
    folder: Path, tmp_path: Path, run_main: Callable[..., tuple[int, str, str]]
) -> None:
    write_ratings(tmp_path / "rated.txt", TALKS * 20)
    options = {"checkpoint": folder, "ratings": tmp_path / "rated.txt", "out": tmp_path / "r.md"}
    given = [f"--{name}={value}" for name, value in options.items()]
    code, out, _ = run_main(main, "rank", *given)
    assert (code, f"写好了：{tmp_path / 'r.md'}" in out) == (0, True)
    text = (tmp_path / "r.md").read_text("utf-8")
    assert "40 段上文，100 句打过分的回答" in text
    assert "| 挑得全对 | 100% / 0% / 0% | 2.00 |" in text
    for name in ("sampled", "likely", "mmi"):
        assert f"| `RankingWeights.{name}` |" in text
    rows = [line for line in text.split("\n") if line.startswith("| 再加 λ ")]
    assert len(rows) == 1
    assert np.isfinite([float(cell) for cell in rows[0].split("|")[3:8:2]]).all()


def test_ratings_that_tell_nothing_apart_are_refused(folder: Path, tmp_path: Path) -> None:
    write_ratings(tmp_path / "rated.txt", [Rated(("晚安",), ("晚安～", "真好。"), (1, 1))])
    with pytest.raises(CorpusError, match="请给有高有低的打分"):
        write_fit(folder, tmp_path / "rated.txt", tmp_path / "r.md")
