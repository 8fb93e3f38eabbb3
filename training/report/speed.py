"""How fast an engine is with one stream. Figures of one machine in one hour: never a test."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from training.exchanges import Exchange
from training.respond import Responder

_WARM_UP = 2

Clock = Callable[[], float]


@dataclass(frozen=True)
class Speed:
    """Medians over messages, one at a time, float32.

    Attributes:
        tokens_per_second: of one sampled reply behind its first token; NaN when every reply was
            of one token.
        first_token: seconds from the request to its first token, one candidate.
        served_reply: seconds to a whole reply with the checkpoint's own parameters.
        num_messages: that were answered.
    """

    tokens_per_second: float
    first_token: float
    served_reply: float
    num_messages: int


def measure_speed(
    responder: Responder,
    exchanges: Sequence[Exchange],
    *,
    seed: int,
    clock: Clock = time.perf_counter,
) -> Speed:
    """Answer each message twice: as one sampled stream, and as the bot serves it.

    Messages that the guard answers are not counted.
    """
    rates, firsts, served = [], [], []
    for place, exchange in enumerate([*exchanges[:_WARM_UP], *exchanges]):
        timed = _time_stream(responder, exchange, seed, clock)
        begin = clock()
        responder.respond([exchange], seed=seed)
        if timed is None or place < min(_WARM_UP, len(exchanges)):
            continue
        first, rate = timed
        served.append(clock() - begin)
        firsts.append(first)
        if rate is not None:
            rates.append(rate)
    return Speed(_median(rates), _median(firsts), _median(served), len(firsts))


def _time_stream(
    responder: Responder, exchange: Exchange, seed: int, clock: Clock
) -> tuple[float, float | None] | None:
    """Return seconds to the first token and tokens a second behind it; None: the guard answered."""
    params = replace(responder.params, candidates=1, seed=seed)
    request, _ = responder.bot.prepare(exchange.history, exchange.message, params)
    if request is None:
        return None
    engine = responder.engine
    begin = clock()
    engine.add(request)
    engine.step()
    first = clock()
    steps = 0
    while not request.is_finished:
        engine.step()
        steps += 1
    if request.error is not None:
        raise request.error
    return first - begin, steps / (clock() - first) if steps else None


def _median(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")
