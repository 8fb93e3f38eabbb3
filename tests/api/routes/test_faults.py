"""What a client sees when the engine fails, when it hangs, and when the clock jumps."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.settings import Settings

Until = Callable[[Callable[[], bool]], None]
ROOT = Path(__file__).parents[3]
HELLO: dict[str, Any] = {"message": "你好", "max_new_tokens": 8}


def test_a_step_that_raises_fails_its_replies_and_no_others(
    serve_live: Callable[..., Any], stepwise: Any
) -> None:
    live = serve_live(stepwise.load)
    stepwise.set_free()
    stepwise.failure = RuntimeError("internals")
    whole = httpx.post(f"{live.url}/chat", json=HELLO)
    assert whole.status_code == 500
    assert whole.json()["title"] == "回复没能生成"
    streamed = httpx.post(f"{live.url}/chat", json={**HELLO, "stream": True})
    assert "event: error" in streamed.text
    assert "internals" not in whole.text + streamed.text
    stepwise.failure = None
    assert httpx.post(f"{live.url}/chat", json=HELLO).status_code == 200
    assert httpx.get(f"{live.url}/healthz").status_code == 200


def test_an_engine_that_hangs_is_found_and_nobody_waits_for_ever(
    make_client: Callable[..., TestClient], settings: Settings, stepwise: Any, until: Until
) -> None:
    settings = settings.model_copy(update={"hang_seconds": 0.2, "deadline_seconds": 0.5})
    client = make_client(settings, stepwise.load)
    assert client.get("/healthz").status_code == 200
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client.post, "/chat", json=HELLO) for _ in range(2)]
        until(lambda: client.get("/healthz").status_code == 503)
        hanging = client.get("/healthz")
        assert hanging.json()["title"] == "模型没有动静"
        assert [job.result().status_code for job in asked] == [504, 504]
    stepwise.set_free()
    until(lambda: client.get("/healthz").status_code == 200)
    assert client.post("/chat", json=HELLO).status_code == 200


def test_a_service_with_a_hanging_engine_can_be_stopped(
    make_client: Callable[..., TestClient], settings: Settings, stepwise: Any, until: Until
) -> None:
    client = make_client(settings, stepwise.load)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/chat", json=HELLO)
        until(lambda: stepwise.is_waiting)
        client.portal.call(client.app.state.service.generations.close)  # type: ignore[union-attr, attr-defined]
        assert asked.result().status_code == 503
    stepwise.bot.close(0.1)  # returns though the step has not ended
    assert not stepwise.bot.vitals.is_alive
    assert client.get("/healthz").status_code == 503
    assert client.post("/chat", json=HELLO).status_code == 503


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_jumps_changes_no_reply_and_no_limit_for_long(
    make_client: Callable[..., TestClient],
    settings: Settings,
    stepwise: Any,
    monkeypatch: pytest.MonkeyPatch,
    jump: float,
) -> None:
    settings = settings.model_copy(update={"limit_address": "2/hour"})
    client = make_client(settings, stepwise.load)
    stepwise.set_free()
    assert client.post("/chat", json=HELLO).status_code == 200
    assert client.post("/chat", json=HELLO).status_code == 200
    refused = client.post("/chat", json=HELLO)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + jump)
    seen = [client.post("/chat", json=HELLO).status_code for _ in range(2)]
    assert 200 in seen
    assert set(seen) <= {200, 429}
    assert client.get("/healthz").status_code == 200


def test_each_row_of_the_table_names_a_test_that_exists() -> None:
    rows = (ROOT / "docs" / "faults.md").read_text("utf-8").splitlines()[6:]
    assert len(rows) > 20
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 5, row
        named = re.fullmatch(r"`(tests/[\w/]+\.py)`", cells[-1])
        assert cells[-1] == "同上" or (named and (ROOT / named[1]).is_file()), row
