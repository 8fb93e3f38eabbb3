"""The spans of replies, as the SDK's in-memory exporter gets them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from api.app import create_app
from api.settings import Settings
from chatbot.bot import Bot

HELLO: dict[str, Any] = {"message": "今天天气真好", "seed": 3, "max_new_tokens": 8, "candidates": 1}


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    """Where the spans of `traced` go."""
    return InMemorySpanExporter()


@pytest.fixture
def traced(
    exporter: InMemorySpanExporter,
    settings: Settings,
    until: Callable[[Callable[[], bool]], None],
) -> Iterator[Callable[..., TestClient]]:
    """Starts a traced service with these settings; it stops with the test."""
    clients: list[TestClient] = []

    def start(load_bot: Callable[..., Any] = Bot.from_checkpoint, **changes: Any) -> TestClient:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        app = create_app(
            settings.model_copy(update=changes), load_bot=load_bot, tracer_provider=provider
        )
        client = TestClient(app)
        clients.append(client)
        client.__enter__()
        until(lambda: client.get("/readyz").status_code == 200)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def spans_of(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, ...]:
    return exporter.get_finished_spans()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans_of(exporter)}


def test_a_turn_is_traced_from_the_request_to_the_store(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter
) -> None:
    client = traced()
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    asked = HELLO | {"temperature": 0.5}
    answer = client.post("/chat", json=asked, headers={"traceparent": parent}).json()
    spans = by_name(exporter)
    assert spans.keys() == {
        "POST /chat", "chat tiny", "queue", "prefill", "decode", "guard", "store",
    }  # fmt: skip
    request, reply = spans.pop("POST /chat"), spans.pop("chat tiny")
    assert f"{request.context.trace_id:032x}" == "a" * 32
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "b" * 16
    assert request.kind is SpanKind.SERVER
    assert reply.parent == request.context
    assert reply.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "xianliao",
        "gen_ai.output.type": "text",
        "gen_ai.request.model": "tiny",
        "gen_ai.request.stream": False,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 3,
        "gen_ai.request.max_tokens": 8,
        "gen_ai.request.candidates": 1,
        "gen_ai.response.model": "tiny",
        "gen_ai.response.finish_reasons": (
            {"stop": "stop", "length": "length"}[answer["finish_reason"]],
        ),
        "gen_ai.usage.input_tokens": answer["usage"]["prompt_tokens"],
        "gen_ai.usage.output_tokens": answer["usage"]["completion_tokens"],
    }
    for part in spans.values():
        assert part.parent is not None
        assert part.parent.span_id == reply.context.span_id
        assert part.start_time <= part.end_time
    assert spans["queue"].end_time == spans["prefill"].start_time
    assert spans["prefill"].end_time == spans["decode"].start_time
    assert abs(reply.start_time - spans["queue"].start_time) < 60e9, "by the wall clock"


def test_no_span_has_a_text_or_an_id_that_opens_a_session(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter
) -> None:
    client = traced()
    answer = client.post("/chat", json=HELLO | {"message": "暗号是什么"}).json()
    session_id = answer["session_id"]
    client.get(f"/sessions/{session_id}/export", headers={"X-Request-ID": "mine"})
    client.get("/sessions", params={"q": "暗号"})
    written = str([(span.name, span.attributes, span.events) for span in spans_of(exporter)])
    assert "暗号" not in written
    assert "q=" not in written
    assert session_id not in written
    assert answer["reply"] not in written
    attributes = by_name(exporter)["GET /sessions/{session_id}/export"].attributes
    assert attributes is not None
    assert attributes["url.path"] == "/sessions/{id}/export"
    assert attributes["xianliao.request_id"] == "mine"


def test_texts_are_there_when_asked_for(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter
) -> None:
    client = traced(log_messages=True)
    answer = client.post("/chat", json=HELLO | {"history": []}).json()
    spans = by_name(exporter)
    assert "store" not in spans
    attributes = spans["chat tiny"].attributes
    assert attributes is not None
    assert '"今天天气真好"' in str(attributes["gen_ai.input.messages"])
    assert f'"{answer["reply"]}"' in str(attributes["gen_ai.output.messages"])


def test_each_choice_of_openai_has_its_parts(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter
) -> None:
    client = traced()
    body = {"model": "tiny", "messages": [{"role": "user", "content": "你好"}], "n": 2}
    assert client.post("/v1/chat/completions", json=body | {"stream": True}).status_code == 200
    spans = spans_of(exporter)
    decoded = [span.attributes for span in spans if span.name == "decode"]
    assert [part["xianliao.choice"] for part in decoded if part] == [0, 1]
    attributes = by_name(exporter)["chat tiny"].attributes
    assert attributes is not None
    assert attributes["gen_ai.request.choice.count"] == 2
    assert attributes["gen_ai.request.stream"] is True
    assert len(attributes["gen_ai.response.finish_reasons"]) == 2  # type: ignore[arg-type]


def test_a_reply_that_fails_says_what_kind_of_failure(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter, stepwise: Any
) -> None:
    client = traced(stepwise.load)
    stepwise.set_free()
    stepwise.failure = RuntimeError("internals")
    assert client.post("/chat", json=HELLO).status_code == 500
    reply = by_name(exporter)["chat tiny"]
    assert reply.attributes is not None
    assert reply.attributes["error.type"] == "generation-failed"
    assert reply.status.status_code is StatusCode.ERROR
    assert "internals" not in "".join(span.to_json() for span in spans_of(exporter))


def test_a_reply_that_waited_in_vain_shows_its_wait(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter, stepwise: Any, until: Any
) -> None:
    client = traced(stepwise.load, deadline_seconds=0.3)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(client.post, "/chat", json=HELLO).result().status_code == 504
    until(lambda: "chat tiny" in by_name(exporter))
    spans = by_name(exporter)
    stepwise.set_free()
    attributes = spans["chat tiny"].attributes
    assert attributes is not None
    assert attributes["error.type"] == "cancelled"
    assert "queue" in spans
    assert "decode" not in spans


def test_probes_are_not_traced(
    traced: Callable[..., TestClient], exporter: InMemorySpanExporter
) -> None:
    client = traced()
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
    assert spans_of(exporter) == ()
    client.get("/nowhere")
    assert len(spans_of(exporter)) == 1
