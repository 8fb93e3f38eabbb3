"""What the routes share: made by the application's lifespan, reached through dependencies."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from api.desk import Desk
from api.generations import Generations
from api.labeller import Labeller
from api.limits import RateLimits
from api.metrics import Metrics
from api.readiness import BotKeeper
from api.reply_span import ReplySpans
from api.settings import Settings
from api.store.sessions import SessionStore


@dataclass(frozen=True)
class ServiceState:
    """The service's parts for one run of the application."""

    settings: Settings
    keeper: BotKeeper
    store: SessionStore
    desk: Desk
    labeller: Labeller
    generations: Generations
    limits: RateLimits
    metrics: Metrics
    spans: ReplySpans


async def service_state(request: Request) -> ServiceState:
    """The parts of the application that this request came to.

    Not a plain function: FastAPI would call that in a thread.
    """
    return cast(ServiceState, request.app.state.service)


Service = Annotated[ServiceState, Depends(service_state)]
