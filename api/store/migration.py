"""Today's tables from whatever an earlier version left, by alembic, before anything is asked."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from api.store.errors import StoreUnusable

_FOLDER = Path(__file__).with_name("migrations")
_BEFORE_MIGRATIONS = "0001"  # tables of the time when nothing said which version they were
_LOCK = 0x7869616E  # of ours alone: any number that no other program takes


def migrate(connection: Connection) -> None:
    """Bring the tables up to date within the caller's transaction: wholly or not at all.

    Processes that start at once wait for each other: on SQLite the transaction itself must
    hold the write lock, on Postgres an advisory lock is taken.

    Raises:
        StoreUnusable: when a newer version of the program made the tables.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None and inspect(connection).has_table("sessions"):
        command.stamp(config, _BEFORE_MIGRATIONS)
    elif found is not None and found not in {step.revision for step in script.walk_revisions()}:
        raise StoreUnusable(
            f"会话数据库的版本（{found}）比这个程序新；请升级程序，"
            "或用 XIANLIAO_DATA_DIR、XIANLIAO_DATABASE_URL 换一个数据库"
        )
    command.upgrade(config, "head")
