import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.logs import set_up_logs
from api.settings import LogFormat, Settings


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def lines(captured: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.splitlines()]


def test_each_request_is_one_line_of_json_without_what_was_said(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json", "info")
    headers = {"X-Request-ID": "abc-1"}
    answer = client.post("/chat?secret=1", json={"message": "我叫阿青"}, headers=headers)
    assert answer.headers["x-request-id"] == "abc-1"
    written = [line for line in lines(capsys.readouterr().err) if "httpx" not in line["logger"]]
    (line,) = written
    assert line["event"] == "request"
    assert line["request_id"] == "abc-1"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/chat", 200)
    assert line["level"] == "info"
    assert 0 <= line["seconds"] < 60
    for secret in ("阿青", "好呀", "secret"):
        assert secret not in str(written)


def test_no_line_has_an_id_that_opens_a_session(
    client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json", "info")
    session_id = client.post("/chat", json={"message": "我叫阿青"}).json()["session_id"]
    assert client.get(f"/sessions/{session_id}/export").status_code == 200
    written = [line for line in lines(capsys.readouterr().err) if "httpx" not in line["logger"]]
    assert [line["path"] for line in written] == ["/chat", "/sessions/{id}/export"]


def test_what_was_said_is_logged_when_it_is_asked_for(
    make_client: Callable[..., TestClient],
    settings: Settings,
    bot: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = make_client(settings.model_copy(update={"log_messages": True}), lambda _: bot)
    set_up_logs("json", "info")
    client.post("/chat", json={"message": "我叫阿青"})
    (line,) = [line for line in lines(capsys.readouterr().err) if line["event"] == "turn"]
    assert (line["said"], line["reply"]) == ("我叫阿青", "好呀。")


def test_an_error_is_one_line_with_its_request(
    client: TestClient, bot: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("json", "warning")
    bot.refusal = KeyError("a broken part")
    response = client.post("/chat", json={"message": "我叫阿青"})
    (line,) = lines(capsys.readouterr().err)
    assert line["request_id"] == response.headers["x-request-id"]
    assert "a broken part" in line["exception"]
    assert "阿青" not in str(line)


@pytest.mark.parametrize("given", ["", "two words", "x" * 65, "换行", "a\tb"])
def test_an_id_that_is_not_plain_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": given.encode()})
    assert len(answer.headers["x-request-id"]) == 16


def test_every_answer_has_an_id_of_its_own(client: TestClient) -> None:
    paths = ["/healthz", "/nowhere", "/", "/docs", "/v1/models"]
    ids = {client.get(path).headers["x-request-id"] for path in paths}
    assert len(ids) == len(paths)


def test_as_text_it_is_readable(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "info")
    client.get("/healthz")
    assert "path=/healthz" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_path_makes_a_line_of_its_own(
    client: TestClient, capsys: pytest.CaptureFixture[str], form: LogFormat
) -> None:
    set_up_logs(form, "info")
    client.get("/%0Aevent=forged%0D%1B[31m")
    written = capsys.readouterr().err
    assert "forged" in written
    own = [line for line in written.splitlines() if "HTTP Request" not in line]
    assert len(own) == 1
    assert "\x1b" not in written
