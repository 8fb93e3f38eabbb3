"""What stands before the replicas: who goes to which, and refusals in our own words."""

import json
import subprocess
import sys
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from api.cookie import COOKIE
from api.front import Front, middlewares
from api.problems import PROBLEM_MEDIA_TYPE

app = FastAPI()


@app.get("/asker")
async def asker(request: Request) -> list[str]:
    return request.headers.getlist("x-session-id")


@app.api_route("/answer/{status}", methods=["GET", "HEAD"])
async def answer(status: int, media_type: str = "text/plain", retry: str = "") -> Response:
    headers = {"Retry-After": retry} if retry else {}
    return Response("Request dropped", status, headers, media_type)


@app.get("/twice")
async def twice() -> Response:
    response = Response("x")
    response.raw_headers += [(b"x-request-id", b"replica"), (b"x-request-id", b"proxy")]
    return response


@pytest.fixture
def client() -> TestClient:
    (middleware,) = middlewares()
    return TestClient(middleware.cls(app, *middleware.args, **middleware.kwargs))


def test_a_proxy_needs_not_load_the_model_library() -> None:
    code = "import sys, api.front; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_browser_is_known_by_its_cookie_and_others_by_what_they_say(client: TestClient) -> None:
    assert client.get("/asker").json() == []
    cookie = {"Cookie": f"other=1; {COOKIE}=abc"}
    assert client.get("/asker", headers=cookie).json() == ["abc"]
    said = {"X-Session-ID": "talk 1", **cookie}
    assert client.get("/asker", headers=said).json() == ["talk 1"]
    assert client.get("/asker", headers={"Cookie": "broken\x01;=;"}).json() == []


@pytest.mark.parametrize(
    ("status", "told", "slug"),
    [(408, 504, "deadline"), (429, 429, "queue-full"), (503, 503, "not-ready")],
)
def test_a_refusal_of_the_proxy_is_a_problem(
    client: TestClient, status: int, told: int, slug: str
) -> None:
    found = client.get(f"/answer/{status}")
    assert found.status_code == told
    assert found.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert found.json()["type"] == f"/docs#problem-{slug}"
    assert found.json()["status"] == told
    assert int(found.headers["content-length"]) == len(found.content)
    assert int(found.headers["retry-after"]) > 0


def test_a_wait_that_is_told_stays_as_it_is(client: TestClient) -> None:
    assert client.get("/answer/429?retry=17").headers["retry-after"] == "17"


@pytest.mark.parametrize("media_type", ["application/json", PROBLEM_MEDIA_TYPE])
def test_what_the_service_itself_refuses_passes(client: TestClient, media_type: str) -> None:
    found = client.get(f"/answer/429?media_type={media_type}")
    assert (found.status_code, found.text) == (429, "Request dropped")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_any_other_answer_passes(client: TestClient, status: int) -> None:
    found = client.get(f"/answer/{status}")
    assert (found.status_code, found.text) == (status, "Request dropped")


def test_the_id_of_a_request_is_told_once(client: TestClient) -> None:
    assert client.get("/twice").headers.get_list("x-request-id") == ["replica"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/metrics"), ("POST", "/admin/reload")])
def test_what_is_about_one_process_is_not_asked(client: TestClient, method: str, path: str) -> None:
    found = client.request(method, path)
    assert (found.status_code, found.headers["content-type"]) == (404, PROBLEM_MEDIA_TYPE)


def test_a_replica_that_is_lost_before_it_answers_is_a_503() -> None:
    async def lost(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return

    found = TestClient(Front(lost)).get("/chat")
    assert (found.status_code, found.headers["content-type"]) == (503, PROBLEM_MEDIA_TYPE)
    assert "断开" in json.loads(found.text)["detail"]


def test_a_body_in_pieces_becomes_one_problem() -> None:
    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b"No ", "more_body": True})
        await send({"type": "http.response.body", "body": b"replica"})

    found: Any = TestClient(Front(refuse)).get("/chat")
    assert found.json()["status"] == 503
