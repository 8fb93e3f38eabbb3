"""How long sessions are kept: those that nobody used for too long are deleted."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete

from api.store.database import Database
from api.store.errors import StoreUnavailable
from api.store.tables import SessionRow

_ROUND_SECONDS = 3600


async def purge(database: Database, days: int) -> int:
    """Delete the sessions that were not used for this many days; returns how many."""
    before = datetime.now(UTC) - timedelta(days=days)
    query = delete(SessionRow).where(SessionRow.updated_at < before).returning(SessionRow.id)
    async with database.write() as db:
        removed = len((await db.scalars(query)).all())
    if removed:
        await database.scrub()
    return removed


class Purger:
    """Purges when the service starts and every hour after; `days` 0 keeps everything."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days
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
                await purge(self._database, self._days)
            await asyncio.sleep(_ROUND_SECONDS)
