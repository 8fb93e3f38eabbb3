from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.settings import Settings


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/openapi.json", "/nowhere"])
def test_every_response_forbids_what_is_inline_foreign_or_guessed(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_pages_of_listed_origins_alone_may_call(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    origins = "https://chat.example https://two.example"
    client = make_client(settings.model_copy(update={"cors_origins": origins}), lambda _: bot)
    for origin in (*origins.split(), "https://evil.example", "null"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        allowed = client.options("/v1/chat/completions", headers=asked).headers
        answered = client.post(
            "/chat", json={"message": "你好"}, headers={"Origin": origin}
        ).headers
        for headers in (allowed, answered):
            expected = origin if origin in origins.split() else None
            assert headers.get("access-control-allow-origin") == expected
            assert "access-control-allow-credentials" not in headers


def test_by_default_no_other_origin_may_call(client: TestClient) -> None:
    answer = client.get("/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    refused = client.options("/chat", headers=asked)
    assert refused.status_code == 405
    assert refused.headers["content-type"] == "application/problem+json"
    assert not [name for name in refused.headers if name.startswith("access-control")]
