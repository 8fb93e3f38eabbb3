"""What a request for a reply must pass: the service is open, the client does not ask too often."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from api.owners import Owner
from api.problems import QUEUE_FULL, ProblemError
from api.state import Service, ServiceState
from chatbot.bot import Bot
from chatbot.errors import QueueFull


async def open_for_address(request: Request, service: Service) -> None:
    """Count the request for its address.

    Raises:
        ProblemError: 503 when the service is about to stop, 429 when the address asks too often.
    """
    service.generations.refuse_while_draining()
    if request.client is not None:
        await service.limits.check_address(request.client.host)


async def open_for_key(service: Service, owner: Owner) -> None:
    """Count the request for its API key, if it has one.

    Raises:
        ProblemError: 429 when the key is used too often.
    """
    if owner is not None and owner.startswith("key:"):
        await service.limits.check_key(owner)


@contextmanager
def working_bot(service: ServiceState) -> Iterator[Bot]:
    """The bot for one reply, which a reload does not take away.

    Raises:
        ProblemError: 503 when there is none; 429 for a full queue, saying when to come again.
    """
    with service.keeper.lend() as bot:
        try:
            yield bot
        except QueueFull as error:
            seconds = service.metrics.retry_after(bot.vitals)
            words = f"排队的已有 {error.limit} 个，估计 {seconds} 秒后轮得到；请到时再试。"
            raise ProblemError(QUEUE_FULL, words, headers={"Retry-After": str(seconds)}) from error
