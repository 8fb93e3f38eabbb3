"""The application: parts, routes, and the order in which they start and stop."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI
from fastapi.middleware import Middleware
from fastapi.middleware.cors import CORSMiddleware

from api.admission import let_in
from api.body_limit import BodyLimit
from api.desk import Desk
from api.generations import Generations
from api.handlers import LastResort, install_handlers
from api.head import HeadAsGet
from api.header_limit import HeaderLimit
from api.headers import SecurityHeaders
from api.labeller import Labeller
from api.limits import RateLimits
from api.logs import RequestLog
from api.metrics import Metrics
from api.openai.errors import OpenAIErrors
from api.problems import PROBLEM_MEDIA_TYPE, Problem
from api.readiness import BotKeeper, OnLoaded
from api.reference import serve_reference
from api.reply_span import ReplySpans
from api.routes import admin, chat, classify, feedback, health, openai, sessions, write
from api.routes.page import serve_page
from api.settings import Settings
from api.state import ServiceState
from api.store.database import open_database
from api.store.retention import Purger
from api.store.sessions import SessionStore
from api.tracing import DiscreetSpans, close, configured_provider, request_spans
from chatbot.bot import Bot
from chatbot.classifier import SHIPPED_GUARD
from chatbot.parity import check_parity

if TYPE_CHECKING:  # an extra
    from opentelemetry.sdk.trace import TracerProvider

_ADMISSION = [Depends(let_in)]
_PROBLEM_SCHEMA = {"schema": {"$ref": "#/components/schemas/Problem"}}
_DESCRIPTION = "中文闲聊机器人的接口。所有错误都是 `application/problem+json`（RFC 9457）。"


class ChatService(FastAPI):
    """FastAPI whose OpenAPI description gives errors their true media type."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description, built once."""
        description = super().openapi()
        for path in description["paths"].values():
            for operation in path.values():
                content = operation["responses"]["default"]["content"]
                if content.get("application/json") == _PROBLEM_SCHEMA:
                    content[PROBLEM_MEDIA_TYPE] = content.pop("application/json")
        return description


def create_app(
    settings: Settings,
    *,
    load_bot: Callable[[Path], Bot] | None = None,
    on_loaded: OnLoaded | None = None,
    tracer_provider: "TracerProvider | None" = None,
) -> FastAPI:
    """Build the service; nothing is opened or loaded before it starts.

    Starting opens the session store and begins to load the bot in a thread: `/healthz`
    answers at once, `/readyz` when the bot has really generated. `on_loaded` then hears None,
    or what went wrong; whoever runs the service decides whether to end it. Traces go to
    `tracer_provider`, by default to what the settings and the `OTEL_*` variables ask for.

    Raises:
        TracingUnavailable: they ask for what is not installed.
    """
    tracer_provider = tracer_provider or configured_provider(settings)
    app = ChatService(
        title="闲聊",
        summary="会说中文的闲聊机器人",
        description=_DESCRIPTION,
        version="0.1.0",
        lifespan=_lifespan(settings, load_bot, on_loaded, tracer_provider),
        telemetry=request_spans(tracer_provider),
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": Problem, "description": "出错"}},
        middleware=_middleware(settings, is_traced=tracer_provider is not None),
    )
    install_handlers(app)
    for open_to_all in (health, admin):
        app.include_router(open_to_all.router)
    for routes in (chat, openai, sessions, feedback, write, classify):
        app.include_router(routes.router, dependencies=_ADMISSION)
    serve_reference(app)
    serve_page(app)
    return app


def _middleware(settings: Settings, *, is_traced: bool) -> list[Middleware]:
    """What a request passes, outermost first."""
    return [
        Middleware(RequestLog),
        *([Middleware(DiscreetSpans)] if is_traced else []),
        *([_cors(settings.cors_origins.split())] if settings.cors_origins else []),
        Middleware(SecurityHeaders),
        Middleware(OpenAIErrors),
        Middleware(LastResort),
        Middleware(HeaderLimit, max_bytes=settings.max_header_bytes),
        Middleware(
            BodyLimit,
            max_bytes=settings.max_body_bytes,
            by_path={"/sessions/import": settings.max_import_bytes},
        ),
        Middleware(HeadAsGet),
    ]


def _cors(origins: list[str]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Retry-After", "X-Reply-ID", "X-Request-ID"],
    )


def _loader(settings: Settings, metrics: Metrics) -> Callable[[Path], Bot]:
    return partial(
        Bot.from_checkpoint,
        use_known=settings.known_replies,
        precision=settings.precision,
        num_slots=settings.num_slots,
        max_waiting=settings.max_waiting,
        cache_bytes=settings.cache_mib * 2**20,
        judge=SHIPPED_GUARD if settings.judge_replies else None,
        on_end=metrics.observe,
    )


def _lifespan(
    settings: Settings,
    load_bot: Callable[[Path], Bot] | None,
    on_loaded: OnLoaded | None,
    tracer_provider: "TracerProvider | None",
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        database = await open_database(settings)
        store = SessionStore(database, settings.max_sessions)
        purger = Purger(database, settings.session_days)
        metrics = Metrics()
        keeper = BotKeeper(
            partial(load_bot or _loader(settings, metrics), settings.checkpoint),
            on_loaded,
            verify=partial(check_parity, folder=settings.checkpoint),
        )
        metrics.watch(lambda: keeper.vitals)
        generations = Generations(settings.deadline_seconds, metrics.note_cancelled)
        limits = RateLimits(per_address=settings.limit_address, per_key=settings.limit_key)
        desk = Desk(settings.novelist, settings.max_writings)
        labeller = Labeller(settings.head)
        spans = ReplySpans(tracer_provider, with_messages=settings.log_messages)
        app.state.service = ServiceState(
            settings, keeper, store, desk, labeller, generations, limits, metrics, spans
        )
        keeper.start()
        desk.start()
        labeller.start()
        purger.start()
        try:
            yield
        finally:
            await generations.close()
            await purger.close()
            await labeller.close()
            await desk.close()
            await keeper.close()
            await database.close()
            if tracer_provider is not None:
                await close(tracer_provider)

    return run
