"""Owners, titles and versions of sessions; feedback; API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TITLE_CHARS = 40
_DESCRIBED = ("id", "title", "created_at", "updated_at", "version")


def upgrade() -> None:
    """Add them; the sessions that are there get their titles, times and versions."""
    op.add_column("sessions", sa.Column("owner", sa.String))
    op.add_column("sessions", sa.Column("title", sa.String, nullable=False, server_default=""))
    epoch = sa.text("'1970-01-01 00:00:00'")
    op.add_column(
        "sessions", sa.Column("updated_at", sa.DateTime, nullable=False, server_default=epoch)
    )
    op.add_column("sessions", sa.Column("version", sa.Integer, nullable=False, server_default="0"))
    op.add_column(
        "sessions", sa.Column("imported", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index("ix_sessions_owner_updated_at", "sessions", ["owner", "updated_at"])
    op.create_index("ix_sessions_updated_at", "sessions", ["updated_at"])
    _describe_sessions()
    op.create_table(
        "feedback",
        sa.Column("session_id", sa.String, primary_key=True),
        sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("rating", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id", "index"], ["turns.session_id", "turns.index"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("secret_sha256", sa.String, nullable=False),
        sa.Column("daily_turns", sa.Integer),
        sa.Column("used_on", sa.Date),
        sa.Column("used_turns", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )


def _describe_sessions() -> None:
    sessions = sa.table("sessions", *map(sa.column, _DESCRIBED))
    turns = sa.table("turns", *map(sa.column, ("session_id", "index", "user", "created_at")))
    of_session = turns.c.session_id == sessions.c.id
    first = sa.select(sa.func.substr(turns.c.user, 1, _TITLE_CHARS))
    first = first.where(of_session, turns.c.index == 1)
    last = sa.select(sa.func.max(turns.c.created_at)).where(of_session)
    count = sa.select(sa.func.max(turns.c.index)).where(of_session)
    op.execute(
        sessions.update().values(
            title=sa.func.replace(sa.func.coalesce(first.scalar_subquery(), ""), "\n", " "),
            updated_at=sa.func.coalesce(last.scalar_subquery(), sessions.c.created_at),
            version=sa.func.coalesce(count.scalar_subquery(), 0),
        )
    )
