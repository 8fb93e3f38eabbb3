import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/sessions", "/v1/models", "/", "/docs"]
)
def test_a_head_is_a_get_without_its_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


def test_where_there_is_no_get_there_is_no_head(client: TestClient) -> None:
    assert client.head("/nowhere").status_code == 404
    answer = client.head("/chat")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.post("/healthz").headers["allow"] == "GET, HEAD"


def test_it_is_counted_by_its_route(client: TestClient) -> None:
    client.head("/sessions")
    assert 'http_request_duration_seconds_count{route="/sessions",status="200"} 1.0' in (
        client.get("/metrics").text
    )
