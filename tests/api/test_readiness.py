import asyncio
import time
from typing import Any

import pytest

from api.problems import ProblemError
from api.readiness import BotKeeper
from chatbot.errors import CheckpointError


def test_the_bot_is_loaded_off_the_loop_and_handed_out_when_it_has_generated(bot: Any) -> None:
    outcomes: list[Exception | None] = []

    def load() -> Any:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        time.sleep(0.05)
        return bot

    bot.warm_up = lambda: time.sleep(0.05)

    async def run() -> None:
        keeper = BotKeeper(load, outcomes.append)
        keeper.start()
        await asyncio.sleep(0.07)
        with pytest.raises(ProblemError) as error:
            keeper.get()
        assert error.value.problem.status == 503
        while not outcomes:
            await asyncio.sleep(0.01)
        assert keeper.get() is bot
        await keeper.close()

    asyncio.run(run())
    assert outcomes == [None]
    assert bot.num_closed == 1


def test_a_bot_that_cannot_be_loaded_is_told_and_never_handed_out() -> None:
    outcomes: list[Exception | None] = []
    failure = CheckpointError("坏了")

    def load() -> Any:
        raise failure

    async def run() -> None:
        keeper = BotKeeper(load, outcomes.append)
        keeper.start()
        await keeper.close()
        with pytest.raises(ProblemError) as error:
            keeper.get()
        assert error.value.problem.status == 503
        assert error.value.headers == {}

    asyncio.run(run())
    assert outcomes == [failure]


def test_a_bot_that_cannot_generate_is_closed_and_not_handed_out(bot: Any) -> None:
    outcomes: list[Exception | None] = []

    def warm_up() -> None:
        raise RuntimeError("no")

    bot.warm_up = warm_up

    async def run() -> None:
        keeper = BotKeeper(lambda: bot, outcomes.append)
        keeper.start()
        await keeper.close()
        with pytest.raises(ProblemError):
            keeper.get()

    asyncio.run(run())
    assert [type(outcome) for outcome in outcomes] == [RuntimeError]
    assert bot.num_closed == 1


@pytest.mark.parametrize("failure", [CheckpointError("权重坏了"), RuntimeError("internals")])
def test_without_a_listener_the_log_tells(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> Any:
        raise failure

    async def run() -> None:
        keeper = BotKeeper(load)
        keeper.start()
        await keeper.close()

    asyncio.run(run())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(failure) in caplog.text
    assert ("Traceback" in caplog.text) == isinstance(failure, RuntimeError)
