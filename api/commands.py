"""What an operator does beside serving: keys, old conversations, liked conversations.

Every command works while the service runs, on the database that the settings name.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from api import keys as key_ring
from api.serving import CannotServe
from api.settings import Settings, SettingsError, load_settings
from api.store import retention
from api.store.database import Database, open_database
from api.store.errors import StoreUnavailable, StoreUnusable
from api.store.feedback import dialogues

_BAD_START = 2
T = TypeVar("T")

keys = typer.Typer(help="密钥：添加、列出、停用。要不要密钥由 XIANLIAO_REQUIRE_KEY 决定。")


class Liked(StrEnum):
    """Which conversations to export."""

    up = "up"
    all = "all"


def give_up(error: Exception | str) -> NoReturn:
    """End the program with one line for the user."""
    typer.echo(f"错误：{error}", err=True)
    raise typer.Exit(_BAD_START)


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="给谁用的")],
    daily_turns: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, help="每天最多说几轮", show_default="不限")
    ] = None,
) -> None:
    """添加一把密钥。它只显示这一次，库里只存散列值。"""

    async def work(database: Database, _settings: Settings) -> str:
        return await key_ring.add(database, name, daily_turns)

    try:
        typer.echo(_in_database(work))
    except key_ring.NameTaken:
        give_up(f"已经有叫 {name} 的密钥；请换个名字，或先 python -m api keys remove {name}")


@keys.command("list")
def list_keys() -> None:
    """列出密钥：编号、名字、今天用了几轮。"""

    async def work(database: Database, _settings: Settings) -> list[str]:
        return [key_ring.described(row) for row in await key_ring.list_all(database)]

    for line in _in_database(work) or ["还没有密钥；添加：python -m api keys add 名字"]:
        typer.echo(line)


@keys.command("remove")
def remove_key(
    name: Annotated[str, typer.Argument(help="密钥的名字或编号")],
    with_sessions: Annotated[
        bool, typer.Option("--with-sessions", help="连同它的会话一起删除")
    ] = False,
) -> None:
    """停用一把密钥，立刻生效。它的会话从此谁也读不到。"""

    async def work(database: Database, _settings: Settings) -> int:
        return await key_ring.remove(database, name, with_sessions=with_sessions)

    try:
        removed = _in_database(work)
    except key_ring.NoSuchKey:
        give_up(f"没有叫 {name} 的密钥；有哪些见 python -m api keys list")
    typer.echo(f"停用了 {name}，删除了 {removed} 个会话")


def purge(
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="多少天没用", show_default="XIANLIAO_SESSION_DAYS"),
    ] = None,
) -> None:
    """删除太久没用的会话，不能恢复。"""

    async def work(database: Database, settings: Settings) -> int:
        if not (chosen := days or settings.session_days):
            give_up("请说明删除多少天没用的会话，例如 python -m api purge --days 90")
        return await retention.purge(database, chosen)

    typer.echo(f"删除了 {_in_database(work)} 个会话")


def export(
    out: Annotated[Path, typer.Option(help="写到哪个文件，.jsonl")],
    rating: Annotated[
        Liked, typer.Option(help="up：人们赞过的对话，去掉踩过的；all：全部")
    ] = Liked.up,
) -> None:
    """把会话写成语料，交给 python -m training prepare：个人信息由它清洗。"""
    if out.suffix != ".jsonl":
        give_up(f"语料写成 JSON Lines，请把文件名改成 {out.with_suffix('.jsonl')}")

    unfinished = out.with_suffix(".part")  # what lies at `out` is whole, or as it was

    async def work(database: Database, _settings: Settings) -> int:
        number = 0
        with unfinished.open("w", encoding="utf-8") as file:
            async with aclosing(dialogues(database, liked=rating is Liked.up)) as found:
                async for dialogue in found:
                    file.write(json.dumps({"dialogue": dialogue}, ensure_ascii=False) + "\n")
                    number += 1
        unfinished.replace(out)
        return number

    try:
        number = _in_database(work)
    except OSError as error:
        give_up(f"写不了 {out}（{error.strerror}）；请检查 --out 的路径和磁盘")
    typer.echo(f"写了 {number} 段对话：{out}")


def cluster(
    min_replicas: Annotated[int, typer.Option(min=1, help="闲时有几个副本")] = 2,
    max_replicas: Annotated[int, typer.Option(min=1, help="忙时最多几个")] = 4,
    cpus: Annotated[int, typer.Option(min=1, help="一个副本用几个核")] = 1,
    address: Annotated[
        str | None, typer.Option(help="已有的 Ray 集群", show_default="在本机新起一个")
    ] = None,
) -> None:
    """在 Ray Serve 上启动多个副本，按忙闲增减；会话要在 Postgres 里。"""
    if max_replicas < min_replicas:
        give_up(f"--max-replicas 不能比 --min-replicas 小，至少是 {min_replicas}")
    try:
        settings = load_settings()
        if not settings.database_url.startswith("postgres"):
            give_up("几个副本共用会话，请把 XIANLIAO_DATABASE_URL 设成 Postgres 的地址")
        from api import cluster as on_ray  # an extra

        asyncio.run(_try_database(settings))
        scale = on_ray.Scale(min_replicas=min_replicas, max_replicas=max_replicas, cpus=cpus)
        on_ray.serve_until_stopped(settings, scale, address, tell=typer.echo)
    except ImportError:
        give_up("缺少 Ray；请装上 cluster 这一组依赖：pip install '.[cluster]'")
    except (SettingsError, StoreUnusable, CannotServe) as error:
        give_up(error)


async def _try_database(settings: Settings) -> None:
    await (await open_database(settings)).close()


def _in_database(work: Callable[[Database, Settings], Awaitable[T]]) -> T:
    """Run `work` on the database of the settings; what goes wrong there ends the program."""

    async def run(settings: Settings) -> T:
        database = await open_database(settings)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(run(load_settings()))
    except (SettingsError, StoreUnusable) as error:
        give_up(error)
    except StoreUnavailable as error:
        give_up(f"会话数据库没有响应（{error}）；请稍后再试")
