import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/openapi.json", "/nowhere"])
def test_every_response_forbids_what_is_inline_foreign_or_guessed(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
