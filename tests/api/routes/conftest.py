"""A real bot whose engine steps when the test says so."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatbot.bot import Bot
from chatbot.decoding.sequence import TokenRules

_SECONDS = 30.0  # after which what was expected will not come any more


class StepwiseBot:
    """The tiny checkpoint's bot, which never ends by itself and waits for leave to step."""

    def __init__(self) -> None:
        self.bot: Any = None
        self.num_steps = 0
        self.is_waiting = False  # for leave, in the middle of a step
        self.failure: Exception | None = None
        self._leave = threading.Semaphore(0)
        self._is_free = threading.Event()

    def load(self, folder: Path, **options: Any) -> Bot:
        self.bot = Bot.from_checkpoint(folder, **options)
        self.bot.warm_up()
        rules = self.bot._rules
        self.bot._rules = TokenRules(
            stop_ids=frozenset(), banned_ids=rules.banned_ids | rules.stop_ids
        )
        runner = self.bot._worker._engine.runner
        run = runner.run

        def run_with_leave(*step: Any) -> Any:
            self.is_waiting = True
            while not self._is_free.is_set() and not self._leave.acquire(timeout=0.01):
                pass
            self.is_waiting = False
            self.num_steps += 1
            if self.failure is not None:
                raise self.failure
            return run(*step)

        runner.run = run_with_leave
        runner.run_row = lambda row: run_with_leave(range(0), [row])
        self.bot.warm_up = lambda: None
        return self.bot

    def allow(self, num_steps: int) -> None:
        self._leave.release(num_steps)

    def set_free(self) -> None:
        self._is_free.set()

    @property
    def num_open(self) -> int:
        return int(self.bot._worker.num_open)

    @property
    def is_idle(self) -> bool:
        return self.num_open == 0 and bool(self.bot._worker._engine.is_idle)


@pytest.fixture
def stepwise() -> Iterator[StepwiseBot]:
    """Its `load` is for `serve_live`; at the end of the test the engine runs freely."""
    bot = StepwiseBot()
    yield bot
    bot.set_free()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < deadline, "what was expected did not come"
            time.sleep(0.005)

    return wait
