"""``python -m benchmarks.learning``: what is learnt in the same time, by us and by GPT2-chitchat's loop.

Models of one shape start from the same random weights, read the same corpus, and take turns on
the same cores; each gets the same minutes. Then all read the held-out dialogues. GPT2-chitchat's
``train.py`` warms up over 4,000 steps, which would be the whole of so short a run: here it does
not, in its favour; once more it gets our learning rate.
"""

import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import torch
import typer
from transformers import GPT2LMHeadModel

from benchmarks.training_sides import CHITCHAT_RATE, learn_as_chitchat, learn_as_we_do
from benchmarks.turns import Child, run
from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.clean import Cleaner
from training.config import TrainConfig
from training.exchanges import held_out_dialogues
from training.metrics.perplexity import per_character, per_token
from training.recipe import PROVIDED_CORPUS
from training.report.likelihood import likelihoods
from training.sides import Sides
from training.store import TokenStore, write_store

LEARNING_RATE = 1e-3  # ours from random weights, as in training/recipes/base.toml
TITLES = {
    "ours": f"我们（学习率 {LEARNING_RATE:g}）",
    "chitchat": f"GPT2-chitchat 的写法（它的学习率 {CHITCHAT_RATE:g}）",
    "chitchat_fast": f"GPT2-chitchat 的写法，学习率换成 {LEARNING_RATE:g}",
}
_SLICE = 20.0  # seconds of a turn
_EPOCHS = 10_000  # more than there is time for

Share = Callable[[], float]  # of the time that is over, 0 to 1


def ours(
    model: GPT2LMHeadModel, store: TokenStore, encoder: DialogueEncoder, share: Share
) -> Generator[int]:
    """Train as ``python -m training dialogue`` does; yield the useful tokens of each step."""
    config = TrainConfig(learning_rate=LEARNING_RATE, dropout=0.0, compile="off")
    return learn_as_we_do(model, store, encoder, config, epochs=_EPOCHS, share=share)


@dataclass(frozen=True)
class Entry:
    """Who learns from what, for how long; ``num_threads`` is what each contender gets."""

    contender: str
    corpus: Path
    store: Path
    seconds: float
    num_threads: int


def serve(pipe: Connection, entry: Entry) -> None:
    """Train while it is this contender's turn; at the end send tokens and what was learnt."""
    torch.set_num_threads(entry.num_threads)
    checkpoint = load_checkpoint(SHIPPED_CHECKPOINT)
    encoder = DialogueEncoder(checkpoint.tokenizer)
    store = TokenStore(entry.store, encoder)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(checkpoint.model.config)
    used, num_tokens = 0.0, 0
    if entry.contender == "ours":
        steps = ours(model, store, encoder, lambda: used / entry.seconds)
    else:
        rate = CHITCHAT_RATE if entry.contender == "chitchat" else LEARNING_RATE
        steps = learn_as_chitchat(model, store, rate, epochs=_EPOCHS)
    while used < entry.seconds:
        pipe.send(None)
        pipe.recv()
        begin, before = time.perf_counter(), used
        while used < min(before + _SLICE, entry.seconds):
            num_tokens += next(steps)
            used = before + time.perf_counter() - begin
    steps.close()
    pipe.send((num_tokens, read_held_out(model, encoder, entry.corpus)))
    pipe.close()


def read_held_out(model: GPT2LMHeadModel, encoder: DialogueEncoder, corpus: Path) -> str:
    """Return the perplexities of the held-out dialogues in words."""
    texts = [item.utterances for item in held_out_dialogues(corpus)]
    found = likelihoods(model, encoder, texts)
    whole, bot = ([getattr(item, name) for item in found] for name in ("whole", "bot"))
    character, mine = per_character(whole, seed=0), per_token(bot, seed=0)
    return (
        f"全部每字 {character.value:.1f} [{character.low:.1f}, {character.high:.1f}]，"
        f"小闲的话每 token {mine.value:.1f} [{mine.low:.1f}, {mine.high:.1f}]"
    )


def bench(
    minutes: Annotated[float, typer.Option(help="各方练几分钟", min=0.001)] = 10.0,
    corpus: Annotated[Path, typer.Option(help="语料")] = PROVIDED_CORPUS,
    threads: Annotated[int, typer.Option(help="各方用几个线程", min=1)] = 2,
) -> None:
    """同样的数据、时间和参数，各学到多少：轮流练，再读留出的对话。"""
    encoder = DialogueEncoder(load_checkpoint(SHIPPED_CHECKPOINT).tokenizer)
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "store"
        write_store(store, Cleaner().clean(Sides(corpus).train()), encoder, max_length=256)
        entries = [Entry(who, corpus, store, minutes * 60, threads) for who in TITLES]
        waiting = {entry.contender: Child(serve, entry) for entry in entries}
        while waiting:
            for contender, child in list(waiting.items()):
                if (answer := child.turn()) is None:
                    continue
                waiting.pop(contender).stop()
                num_tokens, found = answer
                told = f"{minutes:g} 分钟 {num_tokens:,} 个 token，{found}"
                print(f"{TITLES[contender]}：{told}", flush=True)


if __name__ == "__main__":
    run(bench)
