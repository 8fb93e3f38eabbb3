import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.limits import RateLimits, valid_rules
from api.problems import ProblemError
from api.settings import Settings, SettingsError, load_settings


def test_each_address_and_each_key_counts_for_itself() -> None:
    async def run() -> None:
        limits = RateLimits(per_address="2/hour", per_key="1/day")
        for _ in range(2):
            await limits.check_address("10.0.0.1")
        with pytest.raises(ProblemError) as error:
            await limits.check_address("10.0.0.1")
        assert error.value.problem.status == 429
        assert 3500 < int(error.value.headers["Retry-After"]) <= 3600
        await limits.check_address("10.0.0.2")
        await limits.check_key("10.0.0.1")
        with pytest.raises(ProblemError):
            await limits.check_key("10.0.0.1")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("testclient", "testserver", False),
    ],
)
def test_a_whole_network_of_version_six_is_one_asker(
    first: str, second: str, are_one: bool
) -> None:
    async def run() -> bool:
        limits = RateLimits(per_address="1/hour")
        await limits.check_address(first)
        try:
            await limits.check_address(second)
        except ProblemError:
            return True
        return False

    assert asyncio.run(run()) is are_one


def test_of_several_rules_the_tightest_counts() -> None:
    async def run() -> None:
        limits = RateLimits(per_address="3/minute;4/hour")
        for _ in range(3):
            await limits.check_address("a")
        with pytest.raises(ProblemError) as error:
            await limits.check_address("a")
        assert int(error.value.headers["Retry-After"]) <= 60

    asyncio.run(run())


def test_without_rules_nothing_is_limited() -> None:
    async def run() -> None:
        limits = RateLimits()
        for _ in range(100):
            await limits.check_address("a")

    asyncio.run(run())


@pytest.mark.parametrize("text", ["many", "5/fortnight", "60 each minute", "/"])
def test_what_is_no_rule_is_refused_at_the_start(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="60/minute"):
        valid_rules(text)
    monkeypatch.setenv("XIANLIAO_LIMIT_ADDRESS", text)
    with pytest.raises(SettingsError, match=r"XIANLIAO_LIMIT_ADDRESS.*60/minute"):
        load_settings()


def test_a_limited_address_still_reaches_the_page_and_the_probes(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    settings = settings.model_copy(update={"limit_address": "1/hour"})
    client = make_client(settings, lambda _: bot)
    assert client.post("/chat", json={"message": "你好"}).status_code == 200
    refused = client.post("/chat", json={"message": "你好"})
    assert refused.status_code == 429
    assert refused.json()["title"] == "请求太频繁"
    openai = client.post("/v1/chat/completions", json={})
    assert openai.status_code == 429
    assert openai.json()["error"]["type"] == "rate_limit_error"
    for path in ("/", "/docs", "/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
