"""What a request for a reply must pass: the service is open, the client does not ask too often."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Request

from api.owners import owner_of
from api.problems import QUEUE_FULL, ProblemError
from api.state import ServiceState, service_state
from chatbot.bot import Bot
from chatbot.errors import QueueFull


async def let_in(request: Request) -> str | None:
    """Whose the request is, which was counted for its address and for its API key, if it has one.

    In this order: an address that asks too often does not get to try keys. One dependency, since
    FastAPI takes as long to find out about each as all of this takes.

    Raises:
        ProblemError: 503 when the service is about to stop, 429 when the address or the key asks
            too often, 401 without a valid key where one is needed.
    """
    service = await service_state(request)
    service.generations.refuse_while_draining()
    if request.client is not None:
        await service.limits.check_address(request.client.host)
    owner = await owner_of(request, service)
    if owner is not None and owner.startswith("key:"):
        await service.limits.check_key(owner)
    return owner


Owner = Annotated[str | None, Depends(let_in)]


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
