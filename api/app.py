"""The application: parts, routes, and the order in which they start and stop."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.middleware import Middleware

from api.body_limit import BodyLimit
from api.desk import Desk
from api.handlers import LastResort, install_handlers
from api.headers import SecurityHeaders
from api.labeller import Labeller
from api.problems import PROBLEM_MEDIA_TYPE, Problem
from api.readiness import BotKeeper, OnLoaded
from api.reference import serve_reference
from api.routes import chat, classify, health, sessions, write
from api.routes.page import serve_page
from api.sessions import open_store
from api.settings import Settings
from api.state import ServiceState
from chatbot.bot import Bot
from chatbot.classifier import SHIPPED_GUARD

_DESCRIPTION = "中文闲聊机器人的接口。所有错误都是 `application/problem+json`（RFC 9457）。"


class ChatService(FastAPI):
    """FastAPI whose OpenAPI description gives errors their true media type."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description, built once."""
        description = super().openapi()
        for path in description["paths"].values():
            for operation in path.values():
                content = operation["responses"]["default"]["content"]
                if "application/json" in content:
                    content[PROBLEM_MEDIA_TYPE] = content.pop("application/json")
        return description


def create_app(
    settings: Settings,
    *,
    load_bot: Callable[[Path], Bot] | None = None,
    on_loaded: OnLoaded | None = None,
) -> FastAPI:
    """Build the service; nothing is opened or loaded before it starts.

    Starting opens the session store and begins to load the bot in a thread: `/healthz`
    answers at once, `/readyz` when the bot has really generated. `on_loaded` then hears None,
    or what went wrong; whoever runs the service decides whether to end it.
    """

    app = ChatService(
        title="闲聊",
        summary="会说中文的闲聊机器人",
        description=_DESCRIPTION,
        version="0.1.0",
        lifespan=_lifespan(
            settings,
            load_bot
            or partial(
                Bot.from_checkpoint,
                use_known=settings.known_replies,
                precision=settings.precision,
                num_slots=settings.num_slots,
                max_waiting=settings.max_waiting,
                cache_bytes=settings.cache_mib * 2**20,
                judge=SHIPPED_GUARD if settings.judge_replies else None,
            ),
            on_loaded,
        ),
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": Problem, "description": "出错"}},
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(LastResort),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes),
        ],
    )
    install_handlers(app)
    for routes in (chat, sessions, write, classify, health):
        app.include_router(routes.router)
    serve_reference(app)
    serve_page(app)
    return app


def _lifespan(
    settings: Settings, load_bot: Callable[[Path], Bot], on_loaded: OnLoaded | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        store = await open_store(settings)
        keeper = BotKeeper(lambda: load_bot(settings.checkpoint), on_loaded)
        desk = Desk(settings.novelist, settings.max_writings)
        labeller = Labeller(settings.head)
        app.state.service = ServiceState(settings, keeper, store, desk, labeller)
        keeper.start()
        desk.start()
        labeller.start()
        try:
            yield
        finally:
            await labeller.close()
            await desk.close()
            await keeper.close()
            await store.close()

    return run
