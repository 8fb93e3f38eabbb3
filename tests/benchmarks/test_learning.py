"""What is learnt in the same time: that the contenders learn, and what is told of it."""

import re
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks import learning
from benchmarks.learning import TITLES, bench, ours, read_held_out
from benchmarks.training_sides import learn_as_chitchat
from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.sides import Sides
from training.store import TokenStore, write_store

TALK = "你好\n你好呀，来聊聊。\n今天下雨了\n记得带伞。"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "held_out").mkdir()
    talks = [f"第{number}句\n{TALK}\n再见" for number in range(40)]
    (folder / "talks.txt").write_text("\n\n".join(talks), encoding="utf-8")
    (folder / "held_out" / "talks.txt").write_text(TALK, encoding="utf-8")
    return folder


@pytest.mark.parametrize("contender", ["ours", "chitchat"])
def test_a_contender_learns(corpus: Path, tmp_path: Path, contender: str) -> None:
    encoder = DialogueEncoder(load_checkpoint(SHIPPED_CHECKPOINT).tokenizer)
    write_store(tmp_path / "store", Sides(corpus).train(), encoder, max_length=64)
    store = TokenStore(tmp_path / "store", encoder)
    shape = GPT2Config(
        vocab_size=len(encoder.tokenizer), n_positions=256, n_embd=16, n_layer=1, n_head=2
    )
    torch.manual_seed(0)
    model = GPT2LMHeadModel(shape)
    before = perplexity(read_held_out(model, encoder, corpus))
    if contender == "ours":
        steps = ours(model, store, encoder, lambda: 0.5)
    else:
        steps = learn_as_chitchat(model, store, 1e-3, epochs=100)
    assert all(next(steps) > 0 for _ in range(30))
    steps.close()
    assert perplexity(read_held_out(model, encoder, corpus)) < 0.9 * before


def perplexity(told: str) -> float:
    (found,) = re.findall(r"全部每字 ([\d.]+)", told)
    return float(found)


def test_all_take_part_and_are_told(
    corpus: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "TITLES", {"chitchat": TITLES["chitchat"]})  # one is enough
    bench(minutes=0.001, corpus=corpus, threads=1)
    (line,) = [text for text in capfd.readouterr().out.splitlines() if "token" in text]
    assert re.match(r"GPT2-chitchat 的写法.*：0.001 分钟 [\d,]+ 个 token，全部每字 [\d.]+", line)
