"""The tables. A change here needs a migration; a test compares the two."""

from datetime import UTC, date, datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, ForeignKeyConstraint, Index, false, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite keeps no time zone of its own."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """To the database: naive, in UTC."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        return value and value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Every table of the store."""


class SessionRow(Base):
    """A conversation."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_owner_updated_at", "owner", "updated_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str | None]  # None: whoever knows the id
    title: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, server_default=text("'1970-01-01 00:00:00'"), index=True
    )
    version: Mapped[int] = mapped_column(server_default="0")  # how many turns it has
    imported: Mapped[bool] = mapped_column(
        server_default=false()
    )  # its replies are not proven ours


class TurnRow(Base):
    """One message and its reply. Rows are added, never changed."""

    __tablename__ = "turns"

    session_id: Mapped[str] = mapped_column(
        ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True
    )
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1
    user: Mapped[str]
    bot: Mapped[str]
    finish_reason: Mapped[str]
    model: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FeedbackRow(Base):
    """The last word about one turn."""

    __tablename__ = "feedback"
    __table_args__ = (
        ForeignKeyConstraint(
            ["session_id", "index"], ["turns.session_id", "turns.index"], ondelete="CASCADE"
        ),
    )

    session_id: Mapped[str] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rating: Mapped[str]  # up | down
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KeyRow(Base):
    """An API key: never the key itself, only the hash of its secret."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    secret_sha256: Mapped[str]
    daily_turns: Mapped[int | None]  # None: as many as wanted
    used_on: Mapped[date | None]  # the day, in UTC, that `used_turns` counts
    used_turns: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
