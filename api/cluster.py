"""The service on Ray Serve: replicas on one machine or many, as many as the load needs.

Each replica is the whole application, in a process of its own; what was said lies in Postgres, so
any replica goes on with a conversation. Without the extra `cluster`, importing this fails.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import ray
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import (
    AutoscalingConfig,
    BackpressureConfig,
    HTTPOptions,
    ProxyLocation,
    RequestRouterConfig,
)
from ray.serve.schema import LoggingConfig

from api.front import RETRY_SECONDS
from api.logs import set_up_logs
from api.serving import SWITCH_SECONDS, CannotServe
from api.settings import Settings, load_settings

if TYPE_CHECKING:  # torch is slow to import, and only replicas need it
    from fastapi import FastAPI

NAME = "xianliao"
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "api.front.middlewares",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "50",  # a busy machine imports slowly
}
_ROUTER = "ray.serve.experimental.consistent_hash_router.ConsistentHashRouter"
_QUIET = LoggingConfig(log_level="WARNING", enable_access_log=False)  # replicas log requests
_LAST_SECONDS = 5.0  # of a replica, after its replies have ended


class Scale(BaseModel):
    """How much of it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_replicas: int = Field(2, ge=1)
    max_replicas: int = Field(4, ge=1)
    cpus: int = Field(1, ge=1)  # of a replica; its engine computes on as many threads


class Replica:
    """One process: the application, and what Ray asks of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __serve_build_asgi_app__(self) -> "FastAPI":
        from api.app import create_app

        set_up_logs(self._settings.log_format, self._settings.log_level)
        sys.setswitchinterval(SWITCH_SECONDS)
        self._app = create_app(self._settings, on_loaded=self._on_loaded)
        return self._app

    async def check_health(self) -> None:
        """Ray asks before the first request, which so waits for the model, and every 10 s.

        Raises:
            Exception: why this replica must be replaced.
        """
        await asyncio.shield(self._loaded)
        self._app.state.service.keeper.check_moves(self._settings.hang_seconds)

    def _on_loaded(self, error: Exception | None) -> None:
        if error is None:
            self._loaded.set_result(None)
        else:
            self._loaded.set_exception(error)


def application(scale: Scale, settings: Settings | None = None) -> serve.Application:
    """The application for `serve.run`, or by name for `serve run api.cluster:application`.

    A replica takes as many requests as its engine has slots, and as many that wait or are read;
    more go to the next one. When all are busy, each proxy keeps `max_waiting` and refuses the rest.
    """
    settings = settings or load_settings()
    deployment = serve.deployment(
        name=NAME,
        max_ongoing_requests=2 * settings.num_slots,
        max_queued_requests=settings.max_waiting,
        backpressure_config=BackpressureConfig(status_code=429, retry_after_s=RETRY_SECONDS),
        autoscaling_config=AutoscalingConfig(
            min_replicas=scale.min_replicas,
            max_replicas=scale.max_replicas,
            target_ongoing_requests=settings.num_slots / 2,
        ),
        ray_actor_options={"num_cpus": scale.cpus},  # Ray sets OMP_NUM_THREADS to it
        max_constructor_retry_count=2,
        request_router_config=RequestRouterConfig(request_router_class=_ROUTER),
        graceful_shutdown_timeout_s=settings.drain_seconds + _LAST_SECONDS,
        logging_config=_QUIET,
    )
    return deployment(serve.ingress()(Replica)).bind(settings)


def serve_until_stopped(
    settings: Settings, scale: Scale, address: str | None, tell: Callable[[str], object]
) -> None:
    """Serve on the Ray cluster at `address` (None: one of our own) until Ctrl+C or SIGTERM.

    `tell` gets what a user should read. At the end replies under way come to theirs.

    Raises:
        CannotServe: there is no such cluster, or the replicas do not come up.
    """
    try:
        tell("正在启动副本……")
        _join(address, _ENVIRONMENT | {"FORWARDED_ALLOW_IPS": settings.trusted_proxies})
        for number in (signal.SIGINT, signal.SIGTERM):  # Ray has its own; a shell's `&` ignores
            signal.signal(number, signal.default_int_handler)
        _start(settings, scale)
        tell(f"闲聊已就绪，请打开 http://{settings.host}:{settings.port} （按 Ctrl+C 退出）")
        threading.Event().wait()
    except KeyboardInterrupt:  # the way to end it
        tell("正在停止……")
        serve.shutdown()
    finally:
        ray.shutdown()


def _join(address: str | None, environment: dict[str, str]) -> None:
    """Give the environment to a cluster's processes, which in one of our own inherit ours."""
    try:
        if address is None:
            os.environ.update(environment)
            ray.init("local", include_dashboard=False)
        else:
            ray.init(address, runtime_env={"env_vars": environment})
    except (ConnectionError, ValueError) as error:
        words = (
            f"连不上 {address} 的 Ray 集群；请检查 --address，集群有口令还要设 RAY_AUTH_MODE=token；"
            "不写 --address 就在本机新起一个"
        )
        raise CannotServe(words) from error


def _start(settings: Settings, scale: Scale) -> None:
    try:
        serve.start(
            proxy_location=ProxyLocation.EveryNode,
            http_options=HTTPOptions(host=settings.host, port=settings.port),
            logging_config=_QUIET,
        )
        serve.run(application(scale, settings), name=NAME)
    except (TimeoutError, RayError) as error:
        raise CannotServe("Ray 的入口没能启动；机器太忙就稍后再试，原因见上面的日志") from error
    except RuntimeError as error:
        raise CannotServe(f"副本没能启动：{_reason()}") from error


def _reason() -> str:
    """Why the replicas did not come up: the last line of what Ray keeps about them."""
    found = serve.status().applications[NAME].deployments[NAME].message
    return str(found.strip().splitlines()[-1].partition("Error: ")[2]) or "原因见上面的日志"
