"""How long sessions are kept: those that nobody used for too long are deleted."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from api.store.database import Database
from api.store.errors import StoreUnavailable
from api.store.tables import SessionRow

_ROUND_SECONDS = 3600


async def purge(database: Database, days: int, now: datetime | None = None) -> int:
    """Delete the sessions that were not used for this many days; returns how many."""
    before = (now or datetime.now(UTC)) - timedelta(days=days)
    query = delete(SessionRow).where(SessionRow.updated_at < before).returning(SessionRow.id)
    async with database.write() as db:
        removed = len((await db.scalars(query)).all())
    if removed:
        await database.scrub()
    return removed


class Purger:
    """Purges when the service starts and every hour after; `days` 0 keeps everything.

    A clock that jumps while the service runs makes no session old.
    """

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days
        self._began = datetime.now(UTC), time.monotonic()
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        if self._days:
            self._working = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop; a purge under way is undone."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            with suppress(
                StoreUnavailable
            ):  # logged where it was met; the next round may do better
                await purge(self._database, self._days, self._now())
            await asyncio.sleep(_ROUND_SECONDS)

    def _now(self) -> datetime:
        """The earlier of what the wall clock says and what must have passed since the start."""
        moment, ticks = self._began
        return min(datetime.now(UTC), moment + timedelta(seconds=time.monotonic() - ticks))
