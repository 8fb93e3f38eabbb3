"""GET /metrics over a real engine: the names of the field, and figures that add up."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

import api
from api.app import create_app
from api.metrics import Metrics
from api.settings import Settings
from chatbot.bot import Timing, Vitals

DASHBOARD = Path(api.__file__).parents[1] / "deploy" / "grafana.json"
Figures = Callable[..., float]


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A service as `python -m api` makes it."""
    with TestClient(create_app(settings.model_copy(update={"judge_replies": False}))) as client:
        while client.get("/readyz").status_code == 503:
            pass
        yield client


@pytest.fixture
def figure(client: TestClient) -> Figures:
    """The value of a metric now."""

    def read(name: str, **labels: str) -> float:
        text = client.get("/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == f"xianliao_{name}" and sample.labels == labels:
                    return float(sample.value)
        return 0.0

    return read


def test_a_reply_is_counted_and_timed(client: TestClient, figure: Figures) -> None:
    before = {
        name: figure(name)
        for name in ("generation_tokens_total", "prompt_tokens_total", "prefix_cache_queries_total")
    }
    body = {"message": "今天有点累", "max_new_tokens": 12, "seed": 2}
    usage = client.post("/chat", json=body).json()["usage"]
    assert (
        figure("generation_tokens_total") - before["generation_tokens_total"]
        == (usage["completion_tokens"])
    )
    assert figure("prompt_tokens_total") - before["prompt_tokens_total"] == usage["prompt_tokens"]
    assert figure("prefix_cache_queries_total") > before["prefix_cache_queries_total"]
    assert figure("time_to_first_token_seconds_count") == 1
    assert figure("e2e_request_latency_seconds_count") == 1
    assert figure("request_queue_time_seconds_count") == 2  # the warm-up's too
    assert figure("inter_token_latency_seconds_count") >= usage["completion_tokens"] - 1
    reasons = [figure("request_success_total", finished_reason=r) for r in ("stop", "length")]
    assert sum(reasons) == 1
    assert figure("num_requests_running") == figure("num_requests_waiting") == 0
    assert figure("engine_up") == 1
    assert figure("http_request_duration_seconds_count", route="/chat", status="200") == 1


def test_a_second_turn_finds_its_past_in_the_cache(client: TestClient, figure: Figures) -> None:
    first = client.post("/chat", json={"message": "你好", "max_new_tokens": 4}).json()
    before = figure("prefix_cache_hits_total")
    body = {"message": "再说", "max_new_tokens": 4, "session_id": first["session_id"]}
    client.post("/chat", json=body)
    assert figure("prefix_cache_hits_total") > before


def test_refusals_and_filtered_replies_are_counted(client: TestClient, figure: Figures) -> None:
    client.post("/chat", json={"message": "你好", "session_id": "nobody"})
    client.post("/chat", json={"message": "我不想活了"})
    assert figure("request_rejections_total", reason="no-session") == 1
    assert figure("request_success_total", finished_reason="filtered") == 1


def timing(*, started: float, ended: float, **more: Any) -> Timing:
    return Timing(submitted=0.0, started=started, ended=ended, **more)


def test_the_wait_is_told_from_how_long_slots_were_held() -> None:
    metrics = Metrics()
    full = Vitals(num_running=2, num_waiting=7, num_slots=2)
    assert metrics.retry_after(full) == 4  # nothing measured yet: a second each
    for _ in range(100):
        metrics.observe(timing(started=5.0, ended=8.0))
    assert metrics.retry_after(full) == 12
    assert metrics.retry_after(Vitals(num_running=2, num_slots=2)) == 2
    metrics.observe(timing(started=0.0, ended=500.0, cancelled=1.0))
    assert metrics.retry_after(full) == 12, "one that was cancelled tells nothing"
    for _ in range(100):
        metrics.observe(timing(started=0.0, ended=1e6))
    assert metrics.retry_after(full) == 120


def test_the_dashboard_shows_metrics_that_there_are(client: TestClient) -> None:
    client.post("/chat", json={"message": "你好", "max_new_tokens": 4})
    families = text_string_to_metric_families(client.get("/metrics").text)
    known = {family.name for family in families}
    known |= {f"{name}{suffix}" for name in known for suffix in ("_total", "_bucket", "_count")}
    shown = set(re.findall(r"xianliao_\w+", DASHBOARD.read_text("utf-8")))
    assert shown
    assert shown <= known
