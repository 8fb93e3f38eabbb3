"""Rate limits: so many requests an address, and so many an API key, in a moving window."""

import time
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from api.problems import RATE_LIMITED, ProblemError


@dataclass(frozen=True)
class _Rule:
    name: str
    words: str
    items: list[RateLimitItem]


class RateLimits:
    """Counts in this process's memory. Rules are written like `60/minute;1000/day`."""

    def __init__(self, *, per_address: str = "", per_key: str = "") -> None:
        """Take the rules; an empty one limits nothing."""
        self._address = _Rule("address", "这个地址", _rules(per_address))
        self._key = _Rule("key", "这把密钥", _rules(per_key))
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    async def check_address(self, address: str) -> None:
        """Count a request of this address.

        Raises:
            ProblemError: 429 with the seconds until there is room again.
        """
        await self._hit(self._address, _one_asker(address))

    async def check_key(self, key: str) -> None:
        """Count a request of this API key; raises as `check_address`."""
        await self._hit(self._key, key)

    async def _hit(self, rule: _Rule, who: str) -> None:
        for item in rule.items:
            if not await self._limiter.hit(item, rule.name, who):
                seconds = await self._seconds_left(item, rule.name, who)
                words = f"{rule.words}请求太频繁，请过 {seconds} 秒再试。"
                raise ProblemError(RATE_LIMITED, words, headers={"Retry-After": str(seconds)})

    async def _seconds_left(self, item: RateLimitItem, name: str, who: str) -> int:
        stats = await self._limiter.get_window_stats(item, name, who)
        seconds = stats.reset_time - time.time()
        if seconds > item.get_expiry():  # the clock was set back: what it counted is of no use
            await self._storage.reset()
        return max(1, min(item.get_expiry(), round(seconds + 0.5)))


def _one_asker(address: str) -> str:
    """What counts as one: all of the 2**64 addresses that one IPv6 customer is given."""
    try:
        ip = ip_address(address)
    except ValueError:  # a socket in the file system
        return address
    if isinstance(ip, IPv4Address):
        return address
    return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))


def _rules(text: str) -> list[RateLimitItem]:
    return parse_many(text) if text else []


def valid_rules(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: it is no rule.
    """
    try:
        _rules(text)
    except ValueError:
        raise ValueError("应写成 次数/单位，例如 60/minute，几条之间用分号") from None
    return text
