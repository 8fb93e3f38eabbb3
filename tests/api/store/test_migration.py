"""From the tables of any earlier version to today's, with what they hold."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text

import api
from api.store.database import Database
from api.store.errors import StoreUnusable
from api.store.sessions import SessionStore
from api.store.tables import Base, SessionRow, TurnRow

ROOT = Path(api.__file__).parents[1]
InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]

# What the first version made for itself, before there were migrations.
FIRST_TABLES = (
    "CREATE TABLE sessions (id VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL, PRIMARY KEY (id))",
    'CREATE TABLE turns (session_id VARCHAR NOT NULL, "index" INTEGER NOT NULL, '
    '"user" VARCHAR NOT NULL, bot VARCHAR NOT NULL, finish_reason VARCHAR NOT NULL, '
    "model VARCHAR NOT NULL, seed BIGINT NOT NULL, created_at TIMESTAMP NOT NULL, "
    'PRIMARY KEY (session_id, "index"), '
    "FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE)",
)
FIRST_ROWS = (
    "INSERT INTO sessions VALUES ('a', '2026-05-01 12:00:00'), ('b', '2026-05-02 12:00:00')",
    "INSERT INTO turns VALUES ('a', 1, '我叫\n阿青', '你好', 'stop', 'tiny', 7, '2026-05-01 12:00:00'), "
    "('a', 2, '我叫什么', '阿青', 'stop', 'tiny', 8, '2026-05-03 09:30:00'), "
    "('b', 1, '在吗', '在', 'length', 'tiny', 9, '2026-05-02 12:00:00')",
)


def execute(url: str, *statements: str) -> None:
    """Run SQL as some other program, or an earlier version, would."""
    is_sqlite = url.startswith("sqlite")
    connect: Any = sqlite3.connect if is_sqlite else psycopg.connect
    with connect(url.removeprefix("sqlite:///")) as connection:
        for statement in statements:
            connection.execute(
                statement.replace("TIMESTAMP", "DATETIME") if is_sqlite else statement
            )
    connection.close()


def test_the_first_version_s_conversations_are_kept(url: str, in_store: InStore) -> None:
    execute(url, *FIRST_TABLES, *FIRST_ROWS)

    async def body(store: SessionStore) -> None:
        async with store.database.read() as db:
            rows = (await db.scalars(select(SessionRow).order_by(SessionRow.id))).all()
        found = [(row.id, row.owner, row.title, row.version, row.imported) for row in rows]
        assert found == [("a", None, "我叫 阿青", 2, False), ("b", None, "在吗", 1, False)]
        assert rows[0].updated_at == datetime(2026, 5, 3, 9, 30, tzinfo=UTC)
        turns = await store.last_turns("a")
        assert [turn.user for turn in turns] == ["我叫\n阿青", "我叫什么"]
        third = TurnRow(
            session_id="a",
            index=3,
            user="还在吗",
            bot="在",
            finish_reason="stop",
            model="tiny",
            seed=1,
            created_at=datetime.now(UTC),
        )
        await store.append(third)
        assert [turn.index for turn in await store.last_turns("a")] == [1, 2, 3]

    in_store(url, body)


@pytest.mark.parametrize("first", [False, True], ids=["new", "from-the-first"])
def test_the_migrations_make_the_tables_that_the_program_means(
    url: str, in_store: InStore, first: bool
) -> None:
    if first:
        execute(url, *FIRST_TABLES)

    async def body(store: SessionStore) -> None:
        async with store.database._engine.connect() as connection:
            differences = await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync), Base.metadata)
            )
        assert differences == []

    in_store(url, body)


def test_the_tables_of_a_newer_version_are_refused_and_left_alone(
    url: str, in_store: InStore
) -> None:
    async def nothing(_store: SessionStore) -> None:
        pass

    in_store(url, nothing)
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(StoreUnusable, match=r"9999.*比这个程序新；请升级程序"):
            in_store(url, nothing)


def test_a_migration_that_fails_leaves_everything_as_it_was(url: str, in_store: InStore) -> None:
    in_the_way = "CREATE TABLE feedback (id INTEGER)"
    execute(url, *FIRST_TABLES, *FIRST_ROWS, in_the_way)
    with pytest.raises(StoreUnusable, match="feedback"):
        asyncio.run(Database.open(url))
    execute(url, "DROP TABLE feedback")

    async def body(store: SessionStore) -> None:
        async with store.database.read() as db:
            titles = (await db.scalars(select(SessionRow.title).order_by(SessionRow.id))).all()
        assert titles == ["我叫 阿青", "在吗"]

    in_store(url, body)


@pytest.mark.parametrize("first", [False, True], ids=["new", "from-the-first"])
def test_services_that_start_at_once_do_not_collide(url: str, first: bool) -> None:
    if first:
        execute(url, *FIRST_TABLES, *FIRST_ROWS)
    asyncio.run(open_many(url))


def test_processes_that_start_at_once_do_not_collide(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
    program = (
        "import asyncio; from api.store.database import Database; asyncio.run(Database.open({!r}))"
    )
    command = [sys.executable, "-c", program.format(url)]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    asyncio.run(open_many(url))


async def open_many(url: str) -> None:
    opening = (Database.open(url) for _ in range(8))
    outcomes = await asyncio.gather(*opening, return_exceptions=True)
    databases = [outcome for outcome in outcomes if isinstance(outcome, Database)]
    try:
        assert len(databases) == 8, outcomes
        async with databases[0].read() as db:
            versions = (await db.scalars(text("SELECT version_num FROM alembic_version"))).all()
        assert len(versions) == 1
    finally:
        for database in databases:
            await database.close()
