"""What the routes share: made by the application's lifespan, reached through dependencies."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from api.desk import Desk
from api.labeller import Labeller
from api.readiness import BotKeeper
from api.sessions import SessionStore
from api.settings import Settings


@dataclass(frozen=True)
class ServiceState:
    """The service's parts for one run of the application."""

    settings: Settings
    keeper: BotKeeper
    store: SessionStore
    desk: Desk
    labeller: Labeller


def service_state(request: Request) -> ServiceState:
    """The parts of the application that this request came to."""
    return cast(ServiceState, request.app.state.service)


Service = Annotated[ServiceState, Depends(service_state)]
