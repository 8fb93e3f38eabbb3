"""What asks for traces, and what comes of asking where they cannot be made."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.serving import CannotServe, serve
from api.settings import Settings
from api.tracing import TracingUnavailable, configured_provider

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("tracing", "environment", "wanted"),
    [
        (False, {}, False),
        (True, {}, True),
        (False, {ENDPOINT: "http://127.0.0.1:9"}, True),
        (False, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9"}, True),
        (True, {"OTEL_TRACES_EXPORTER": "none"}, False),
        (True, {"OTEL_SDK_DISABLED": "TRUE", ENDPOINT: "http://127.0.0.1:9"}, False),
    ],
)
def test_our_setting_and_the_standard_variables_ask_for_traces(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tracing: bool,
    environment: dict[str, str],
    wanted: bool,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    provider = configured_provider(settings.model_copy(update={"tracing": tracing}))
    assert (provider is not None) is wanted
    if provider is not None:
        assert provider.resource.attributes["service.name"] == "xianliao"
        provider.shutdown()


def test_a_name_of_the_operators_own_wins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "friend")
    provider = configured_provider(settings.model_copy(update={"tracing": True}))
    assert provider is not None
    assert provider.resource.attributes["service.name"] == "friend"
    provider.shutdown()


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_another_exporter_is_refused_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(TracingUnavailable, match=value):
        configured_provider(settings)


def test_without_the_extra_tracing_names_it_and_all_else_works(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            monkeypatch.setitem(sys.modules, name, None)
    create_app(settings)
    asking = settings.model_copy(update={"tracing": True, "port": 0})
    with pytest.raises(CannotServe, match=r"\.\[tracing\]"):
        serve(asking, tell=lambda _: None)


def test_a_collector_that_is_not_there_costs_no_reply_and_no_end(
    make_client: Callable[..., TestClient],
    settings: Settings,
    bot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    client = make_client(settings, lambda _: bot)
    assert client.get("/sessions").status_code == 200


def test_untraced_requests_have_no_span(client: TestClient) -> None:
    response = client.get("/sessions")
    assert response.status_code == 200
    assert not client.app._native_telemetry.enabled()  # type: ignore[attr-defined]
