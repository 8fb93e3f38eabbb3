"""The replies under way, by their ids."""

import asyncio
import secrets
from collections.abc import Callable

from api.live_reply import PROBLEMS, Events, LiveReply, Reason
from api.problems import NO_REPLY, ProblemError


def new_reply_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_urlsafe(18)


class Generations:
    """The replies under way, and for a grace those that just ended."""

    def __init__(self, seconds: float, on_cancel: Callable[[Reason], None]) -> None:
        """Keep replies that may take `seconds`; `on_cancel` hears why one ended early."""
        self._seconds = seconds
        self._on_cancel = on_cancel
        self._replies: dict[str, LiveReply] = {}
        self._is_draining = False

    def start(
        self,
        reply_id: str,
        events: Events,
        *,
        owner: str | None,
        seconds: float | None = None,
        grace: float = 0,
    ) -> LiveReply:
        """Begin a reply that ends after its own `seconds`, if they are fewer than ours."""
        reply = LiveReply(
            reply_id,
            events,
            owner=owner,
            seconds=self._seconds if seconds is None else min(seconds, self._seconds),
            grace=grace,
            on_cancel=self._on_cancel,
        )
        self._replies[reply.id] = reply
        reply.task.add_done_callback(lambda _: self._forget_later(reply))
        return reply

    def refuse_while_draining(self) -> None:
        """Raises: ProblemError: 503 while draining."""
        if self._is_draining:
            raise ProblemError(*PROBLEMS["shutdown"], headers={"Retry-After": "5"})

    def get(self, reply_id: str, owner: str | None) -> LiveReply:
        """The reply of this id.

        Raises:
            ProblemError: 404 when it is unknown, another's, or was over long ago.
        """
        reply = self._replies.get(reply_id)
        if reply is not None and reply.owner in {None, owner}:
            return reply
        raise ProblemError(NO_REPLY, "没有这个回复：它可能早已说完，或者已经停下。")

    async def drain(self) -> None:
        """Take no more, and wait for those under way."""
        self._is_draining = True
        if tasks := [reply.task for reply in self._replies.values()]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """End what is still under way."""
        self._is_draining = True
        replies = list(self._replies.values())
        for reply in replies:
            reply.cancel("shutdown")
        await asyncio.gather(*(reply.task for reply in replies), return_exceptions=True)

    def _forget_later(self, reply: LiveReply) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(reply.grace, self._replies.pop, reply.id, None)
