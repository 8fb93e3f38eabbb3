"""``python -m benchmarks.capacity``: what a turn costs, and how many cores so many users need.

A service of its own with its default settings, one thread for its engine, talked to by several at
once; processor time is what counts, so other work on the machine disturbs little.
"""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from transformers import GPT2Config

from benchmarks.clients import Connection
from benchmarks.errors import BenchmarkError
from chatbot.checkpoint import SHIPPED_CHECKPOINT

app = typer.Typer(add_completion=False)

TURNS_A_DAY = 20  # of a user
BUSIEST_HOUR = 0.1  # of a day's turns
LOAD = 0.7  # of a core that is well used, with room for a moment's rush
PAUSE = 30  # seconds in which a user reads and writes
_HOST = "127.0.0.1"
_TALKERS = 8  # as many as the engine has slots
_MESSAGES = (
    "今天有点累",
    "你喜欢吃什么",
    "周末去哪儿玩",
    "我养了一只猫",
    "最近在看一部电影",
    "晚上睡不着",
    "推荐一首歌吧",
    "和朋友吵架了",
)


@dataclass(frozen=True)
class Turn:
    """What one turn costs, on average.

    Attributes:
        seconds: of one core.
        tokens: kept for the conversation: its prompt's and its reply's.
        stored: bytes of the database.
        process: bytes of memory of a service that talks to few.
    """

    seconds: float
    tokens: float
    stored: float
    process: float


def token_bytes(config: GPT2Config) -> int:
    """The bytes of one token's keys and values, which the native kernels keep in bfloat16."""
    return int(2 * config.n_layer * config.n_embd * 2)


def plan(turn: Turn, kept: int, users: int) -> Iterator[str]:
    """Line by line, from one turn to so many daily users; `kept`: bytes of a kept token."""
    per_core = 1 / turn.seconds
    busiest = users * TURNS_A_DAY * BUSIEST_HOUR / 3600
    cores = busiest / (per_core * LOAD)
    talking = busiest * PAUSE
    conversation = turn.tokens * kept
    yield f"一轮：一个核 {turn.seconds * 1000:.0f} 毫秒，所以一个核每秒 {per_core:.1f} 轮"
    yield f"  一个核同时陪 {per_core * LOAD * PAUSE:.0f} 人：每人 {PAUSE} 秒说一句，用到 {LOAD:.0%}"
    yield f"一段对话：{turn.tokens:.0f} 个词元 × {kept:,} 字节 = {conversation / 2**20:.1f} MiB 缓存"
    yield f"  库里一轮 {turn.stored:.0f} 字节；一个进程先占 {turn.process / 2**20:.0f} MiB"
    yield f"每天 {users:,} 人：{users * TURNS_A_DAY:,} 轮，最忙一小时占 {BUSIEST_HOUR:.0%}"
    yield f"  最忙时每秒 {busiest:.0f} 轮，要 {cores:.0f} 个核"
    yield f"  同时在聊 {talking:,.0f} 人，缓存共 {talking * conversation / 2**30:.0f} GiB"
    yield f"  库每天多 {users * TURNS_A_DAY * turn.stored / 2**30:.1f} GiB，每秒 {busiest:.0f} 个事务"


@contextmanager
def _service(folder: Path) -> Iterator[tuple[int, int]]:
    """A service in a process of its own: its port and its process id."""
    environment = os.environ | {"XIANLIAO_DATA_DIR": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "api", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        if "http" not in lines[1]:
            raise BenchmarkError("服务没有起来，原因见上面")
        yield int(lines[1].split()[1].rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait()


async def _talk(port: int, turns: int, seed: int) -> list[int]:
    """One conversation; the tokens that each turn ends with."""
    connection, choose = Connection(_HOST, port), random.Random(seed).choice
    session_id, tokens = None, []
    for _ in range(turns):
        answer = await connection.post(
            "/chat", {"message": choose(_MESSAGES), "session_id": session_id}
        )
        if answer.status != 200:
            raise BenchmarkError(f"服务没有好好回答：{answer.body}")
        session_id, usage = answer.body["session_id"], answer.body["usage"]
        tokens.append(usage["prompt_tokens"] + usage["completion_tokens"])
    connection.close()
    return tokens


async def _crowd(port: int, turns: int) -> list[int]:
    each = await asyncio.gather(*(_talk(port, turns, seed) for seed in range(_TALKERS)))
    return [tokens for one in each for tokens in one]


def _core_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process_id: int) -> int:
    pages = int(Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _database_size(folder: Path) -> int:
    """The bytes of a service's database, also of what its log still holds."""
    with closing(sqlite3.connect(folder / "xianliao.db")) as connection:
        pages, size = (
            connection.execute(f"PRAGMA page_{n}").fetchone()[0] for n in ("count", "size")
        )
    return int(pages * size)


def measure(turns: int) -> Turn:
    """Talk to the shipped bot, so many turns in each of a few conversations."""
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as (port, process_id):
        asyncio.run(_crowd(port, 1))  # the first of everything is slow
        memory, before = _memory(process_id), _database_size(Path(folder))
        began = _core_seconds(process_id)
        tokens = asyncio.run(_crowd(port, turns))
        seconds = _core_seconds(process_id) - began
        stored = _database_size(Path(folder)) - before
    count = len(tokens)
    return Turn(seconds / count, sum(tokens) / count, stored / count, memory)


@app.command()
def main(
    users: Annotated[int, typer.Option(min=1, help="每天多少人")] = 1_000_000,
    turns: Annotated[int, typer.Option(min=1, help="每段对话聊几轮")] = 12,
) -> None:
    """Measure and print."""
    kept = token_bytes(GPT2Config.from_pretrained(SHIPPED_CHECKPOINT))
    try:
        for line in plan(measure(turns), kept, users):
            print(line)
    except BenchmarkError as error:
        print(f"错误：{error}", file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
