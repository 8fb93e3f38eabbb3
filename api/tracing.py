"""OpenTelemetry traces, off unless asked for: where spans go, and what those of requests tell.

FastAPI makes the span of each HTTP request and goes on with the caller's trace; what happens within
is `api.reply_span`'s.
"""

import asyncio
import os
import threading
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import TracerProvider
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import get_contextvars

from api.logs import without_ids
from api.settings import Settings

if TYPE_CHECKING:  # an extra
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider

_NAME = "xianliao"
_PROBES = {"/healthz", "/readyz", "/metrics"}
_CLOSE_SECONDS = 2.0  # for spans that were not sent yet


class TracingUnavailable(ValueError):
    """Traces were asked for and cannot be made; the text is one line that names the remedy."""


def configured_provider(settings: Settings) -> "SdkProvider | None":
    """What sends spans where the `OTEL_*` variables say; None when nobody asks for any.

    Raises:
        TracingUnavailable: the extra is not installed, or the variables ask for another exporter.
    """
    if not _is_wanted(settings):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingUnavailable(
            "追踪还缺依赖；请装上 tracing 这一组：pip install '.[tracing]'，"
            "不要追踪就去掉 XIANLIAO_TRACING 和 OTEL_EXPORTER_OTLP_ENDPOINT"
        ) from error
    resource = Resource.create({"service.name": _NAME}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


async def close(provider: "SdkProvider") -> None:
    """Send what was not sent yet, if it can be sent soon."""
    thread = threading.Thread(target=provider.shutdown, daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join, _CLOSE_SECONDS)


def request_spans(provider: TracerProvider | None) -> TelemetryConfig:
    """What FastAPI is to trace: each request that no machine sends every few seconds."""
    return TelemetryConfig(
        tracer_provider=provider,
        tracing=provider is not None,
        metrics=False,
        logs=False,
        operation_spans=False,
        auto_configure=False,
        exclude=lambda scope: scope["path"] in _PROBES,
    )


class DiscreetSpans:
    """ASGI middleware: the request's span has its id, but no id of a session and no query.

    Whoever knows the id of nobody's session may read it; a query may hold what was said.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            span = trace.get_current_span()
            span.set_attribute("url.path", without_ids(scope["path"]))
            if scope["query_string"]:
                span.set_attribute("url.query", "REDACTED")
            span.set_attribute(f"{_NAME}.request_id", get_contextvars().get("request_id", ""))
        await self.app(scope, receive, send)


def _is_wanted(settings: Settings) -> bool:
    """Whether our setting or OpenTelemetry's own variables ask for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    addresses = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    has_address = any(os.environ.get(name) for name in addresses)
    if exporter == "none" or not (settings.tracing or has_address):
        return False
    protocols = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next(filter(None, map(os.environ.get, protocols)), "http/protobuf")
    if (exporter, protocol) != ("otlp", "http/protobuf"):
        raise TracingUnavailable(
            f"追踪只能用 OTLP 的 http/protobuf 送出，不能用 {exporter} 的 {protocol}；"
            "请改 OTEL_TRACES_EXPORTER 或 OTEL_EXPORTER_OTLP_PROTOCOL"
        )
    return True
