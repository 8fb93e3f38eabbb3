"""``python -m benchmarks.service``: what the service adds to the engine, and how it holds a crowd.

The same bot answers bare and through HTTP, so the difference is the service's own. Bare is
`Bot.start(…).wait()` in this process: reading the message, the lexicon at both doors, the engine,
and ids becoming text are in it as they are in the service; the classifier is off in both, and one
candidate leaves the known replies out of both. HTTP's side has all else: this client's own share,
the server, validation, middleware, admission, the reply's own task, metrics, and the JSON. Bare and
HTTP take turns, since a machine that others use too changes its speed from one minute to the next.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks.clients import Connection, Tally, crowd
from benchmarks.errors import BenchmarkError
from chatbot.bot import Bot
from chatbot.checkpoint import SHIPPED_CHECKPOINT
from chatbot.decoding.params import NUM_SLOTS, SamplingParams

app = typer.Typer(add_completion=False)

_MESSAGES = (
    "今天有点累",
    "你喜欢吃什么",
    "周末去哪儿玩",
    "我养了一只猫",
    "讲个冷笑话",
    "最近在看什么书",
)
_NUM_BODIES = 48
_NUM_PAIRS = 100
_NUM_TALKERS = 2 * NUM_SLOTS  # so that a slot never waits for a request
_NUM_ROUNDS = 5
_SECONDS_A_ROUND = 4.0
_HOST = "127.0.0.1"


def _bodies(num_tokens: int) -> list[dict[str, Any]]:
    """Requests that have one right reply each; nothing is stored, as each has its history."""
    return [
        {
            "message": f"{_MESSAGES[number % len(_MESSAGES)]}？{number}",
            "history": [],
            "seed": number,
            "candidates": 1,
            "max_new_tokens": num_tokens,
        }
        for number in range(_NUM_BODIES)
    ]


def _params(body: dict[str, Any], bot: Bot) -> SamplingParams:
    fields = {name: body[name] for name in ("seed", "candidates", "max_new_tokens")}
    defaults = {
        name: getattr(bot.defaults, name) for name in ("temperature", "top_p", "repetition_penalty")
    }
    return SamplingParams(**defaults | fields)


@contextmanager
def _service(checkpoint: Path, folder: Path, **settings: str) -> Iterator[tuple[int, int]]:
    """A service in a process of its own: its port and its process id."""
    environment = os.environ | {f"XIANLIAO_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "api", "--checkpoint", str(checkpoint), "--port", "0"]
    environment |= {"XIANLIAO_DATA_DIR": str(folder), "XIANLIAO_JUDGE_REPLIES": "false"}
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


async def _ask_bare(bot: Bot, body: dict[str, Any]) -> str:
    reply = await bot.start([], body["message"], _params(body, bot)).wait()
    return reply.text


async def _overhead(checkpoint: Path, folder: Path) -> tuple[float, float, float]:
    """Medians, in ms: bare, what HTTP adds, and what HTTP with storing adds."""
    bodies = _bodies(num_tokens=8)
    bot = Bot.from_checkpoint(checkpoint)
    with _service(checkpoint, folder) as (port, _):
        connection = Connection(_HOST, port)
        bare, whole, stored = [], [], []
        for number in range(_NUM_PAIRS):
            body = bodies[number % len(bodies)]
            storing = {name: value for name, value in body.items() if name != "history"}
            bare.append(await _timed(lambda: _ask_bare(bot, body)))  # noqa: B023
            whole.append(await _timed(lambda: connection.post("/chat", body)))  # noqa: B023
            stored.append(await _timed(lambda: connection.post("/chat", storing)))  # noqa: B023
        connection.close()
    bot.close()
    base = median(bare)
    return base, median(whole) - base, median(stored) - base


async def _timed(ask: Callable[[], Any]) -> float:
    began = time.perf_counter()
    await ask()
    return (time.perf_counter() - began) * 1000


async def _offline(bot: Bot, bodies: list[dict[str, Any]]) -> float:
    """Tokens per second of the bare bot with all slots in use."""
    num_tokens, began = 0, time.monotonic()

    async def talk(place: int) -> None:
        nonlocal num_tokens
        while time.monotonic() < began + _SECONDS_A_ROUND:
            body = bodies[place % len(bodies)]
            reply = await bot.start([], body["message"], _params(body, bot)).wait()
            num_tokens += reply.completion_tokens
            place += _NUM_TALKERS

    await asyncio.gather(*(talk(place) for place in range(_NUM_TALKERS)))
    return num_tokens / (time.monotonic() - began)


async def _online(port: int, bodies: list[dict[str, Any]], replies: list[str]) -> float:
    """Tokens per second through HTTP, from as many clients."""
    began = time.monotonic()
    tally = await crowd(
        _HOST, port, bodies, replies, num_clients=_NUM_TALKERS, seconds=_SECONDS_A_ROUND
    )
    return tally.num_tokens / (time.monotonic() - began)


async def _throughput(
    checkpoint: Path, port: int, bodies: list[dict[str, Any]]
) -> tuple[list[float], list[float], list[str]]:
    """Tokens per second offline and through HTTP, round by round, and the right replies."""
    bot = Bot.from_checkpoint(checkpoint)
    replies = [await _ask_bare(bot, body) for body in bodies]
    await _online(port, bodies, replies)  # a round to warm up
    offline, online = [], []
    for _ in range(_NUM_ROUNDS):
        offline.append(await _offline(bot, bodies))
        online.append(await _online(port, bodies, replies))
    bot.close()
    return offline, online, replies


def _resident_mib(process_id: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _under_load(
    checkpoint: Path, folder: Path, num_clients: int, seconds: float
) -> tuple[list[float], list[float], Tally, list[float]]:
    """Tokens/s offline and through HTTP with as many clients; the crowd's tally; MiB over time."""
    bodies = _bodies(num_tokens=32)
    with _service(checkpoint, folder) as (port, process_id):
        offline, online, replies = await _throughput(checkpoint, port, bodies)
        memory = [_resident_mib(process_id)]

        async def watch() -> None:
            while True:
                await asyncio.sleep(seconds / 6)
                memory.append(_resident_mib(process_id))

        watching = asyncio.create_task(watch())
        tally = await crowd(_HOST, port, bodies, replies, num_clients=num_clients, seconds=seconds)
        watching.cancel()
    return offline, online, tally, memory


@app.command(help="服务在引擎之上多用多少时间；很多客户端一起来时，是否都有着落。")
def bench(
    checkpoint: Annotated[Path, typer.Option(help="模型所在的文件夹")] = SHIPPED_CHECKPOINT,
    clients: Annotated[int, typer.Option(help="多少个客户端", min=1)] = 500,
    seconds: Annotated[float, typer.Option(help="它们问多少秒", min=1)] = 60.0,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        base, plain, stored = asyncio.run(_overhead(checkpoint, Path(folder)))
        print(f"/chat 一次一个（8 个 token）：裸引擎 {base:.1f} ms（中位数）")
        print(f"  经 HTTP 多 {plain:.2f} ms；连同保存会话多 {stored:.2f} ms", flush=True)
        figures = asyncio.run(_under_load(checkpoint, Path(folder), clients, seconds))
    offline, online, tally, memory = figures
    kept = median(through / bare for bare, through in zip(offline, online, strict=True))
    print(f"吞吐：离线 {median(offline):.0f} token/s，经 HTTP {median(online):.0f}（{kept:.0%}）")
    whole, lost = tally.statuses[200], tally.statuses[0]
    refused = {status: n for status, n in tally.statuses.items() if status not in {0, 200}}
    print(f"{clients} 个客户端 {seconds:.0f} 秒：完整回复 {whole}，拒绝 {refused}，")
    print(f"  丢失 {lost}，串话 {tally.crossed}；完整回复用时中位数 {median(tally.seconds):.2f} 秒")
    print(f"  服务的内存（MiB）：{'、'.join(f'{size:.0f}' for size in memory)}")
    clean = set(tally.statuses) <= {200, 429, 503} and not tally.crossed
    if not clean:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
