from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.settings import Settings


@pytest.fixture
def client(make_client: Callable[..., TestClient], settings: Settings, bot: Any) -> TestClient:
    """A client of a service that takes 2,000 bytes of headers."""
    return make_client(settings.model_copy(update={"max_header_bytes": 2000}), lambda _: bot)


def test_headers_that_are_too_large_are_refused(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Long": "x" * 1500}).status_code == 200
    for refused in (
        client.get("/healthz", headers={"X-Long": "x" * 2500}),
        client.get("/healthz", headers={f"X-{number}": "x" * 20 for number in range(100)}),
        client.get("/healthz?" + "x" * 2500),
    ):
        assert refused.status_code == 431
        assert refused.headers["content-type"] == "application/problem+json"
        assert "2000" in refused.json()["detail"]
        assert refused.headers["x-request-id"]


def test_an_openai_client_is_told_in_its_own_way(client: TestClient) -> None:
    refused = client.get("/v1/models", headers={"X-Long": "x" * 2500})
    assert refused.status_code == 431
    assert refused.json()["error"]["code"] == "headers_too_large"
