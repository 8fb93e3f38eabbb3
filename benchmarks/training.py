"""``python -m benchmarks.training``: how fast we train, and two other ways to, side by side.

Every contender trains a GPT-2 of the same shape on the same dialogues, in a process of its own;
they take turns. Counted are useful tokens: ids of dialogues, not padding.
"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks.errors import BenchmarkError
from benchmarks.training_sides import LONGEST, SIZES, Entry, serve
from benchmarks.turns import Child, run
from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.corpora import Dialogue, corpus_files, read_dialogues
from training.recipe import PROVIDED_CORPUS
from training.store import write_store

CORPORA = {"provided": "项目自带的语料", "lccc": "长短如 LCCC 的随机对话"}
TARGETS = {"chitchat": 5.0, "trainer": 2.0}
TITLES = {
    "chitchat": "GPT2-chitchat 的写法（fp32，每批 8 段补齐）",
    "trainer": "transformers.Trainer（bf16，每批 16 段，按长短分组，融合的 AdamW）",
}
_LCCC_UTTERANCES = (2, 2, 2, 2, 3, 3, 4, 4, 5)


def lccc_like(encoder: DialogueEncoder, count: int = 20_000) -> Iterator[Dialogue]:
    """Yield random text with the lengths of LCCC: 2.8 utterances of 12 characters on average."""
    rng = random.Random(0)
    table = encoder.tokenizer.get_vocab()
    characters = [token for token in table if len(token) == 1 and "一" <= token <= "鿿"]
    for number in range(count):
        sizes = (max(1, round(rng.lognormvariate(2.25, 0.65))) for _ in range(_utterances(rng)))
        texts = tuple("".join(rng.choices(characters, k=min(size, 80))) for size in sizes)
        yield Dialogue(texts, Path("lccc"), number)


def _utterances(rng: random.Random) -> int:
    return rng.choice(_LCCC_UTTERANCES)


def race(size: str, store: Path, peers: list[str], rounds: int, threads: int) -> Iterator[str]:
    """Let ours and the peers train in turn; yield a line a peer."""
    names = ("ours", *peers)
    children = {name: Child(serve, Entry(name, size, store, threads)) for name in names}
    try:
        speeds = [{name: _speed(child) for name, child in children.items()} for _ in range(rounds)]
    finally:
        for child in children.values():
            child.stop()
    mine = median(item["ours"] for item in speeds)
    for peer in peers:
        ratios = [item["ours"] / item[peer] for item in speeds]
        reached = "达到" if median(ratios) >= TARGETS[peer] else "未到"
        yield (
            f"我们 {mine:,.0f} token/秒，{TITLES[peer]} "
            f"{median(item[peer] for item in speeds):,.0f}："
            f"{median(ratios):.2f} 倍（{min(ratios):.2f}–{max(ratios):.2f}），"
            f"目标 {TARGETS[peer]:g} 倍，{reached}"
        )


def _speed(child: Child) -> float:
    """Let a contender train for a while; return its useful tokens a second."""
    num_tokens, seconds = child.turn()
    return float(num_tokens / seconds)


def bench(
    sizes: Annotated[str, typer.Option(help="哪些大小，逗号隔开")] = ",".join(SIZES),
    corpora: Annotated[str, typer.Option(help="哪些语料，逗号隔开")] = ",".join(CORPORA),
    only: Annotated[str, typer.Option(help="只和谁比，逗号隔开")] = ",".join(TARGETS),
    rounds: Annotated[int, typer.Option(help="轮流几次", min=1)] = 3,
    threads: Annotated[int, typer.Option(help="各方用几个线程", min=1)] = 2,
) -> None:
    """训练的速度：我们和另外两种写法轮流练，比每秒有用的 token。"""
    chosen = [
        _known(text, among) for text, among in ((sizes, SIZES), (corpora, CORPORA), (only, TARGETS))
    ]
    encoder = DialogueEncoder(load_checkpoint(SHIPPED_CHECKPOINT).tokenizer)
    provided = (item for file in corpus_files(PROVIDED_CORPUS) for item in read_dialogues(file))
    streams = {"provided": provided, "lccc": lccc_like(encoder)}
    with tempfile.TemporaryDirectory() as name:
        for corpus in chosen[1]:
            store = Path(name) / corpus
            write_store(store, streams[corpus], encoder, max_length=LONGEST)
            for size in chosen[0]:
                print(f"{size}，{CORPORA[corpus]}", flush=True)
                for line in race(size, store, chosen[2], rounds, threads):
                    print(f"  {line}", flush=True)


def _known(text: str, among: dict[str, Any]) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in among]:
        raise BenchmarkError(f"不认得 {'、'.join(unknown)}；可用的有 {'、'.join(among)}")
    return names


if __name__ == "__main__":
    run(bench)
