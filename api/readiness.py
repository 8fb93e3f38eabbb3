"""The bot: loaded in the background, lent to each reply, and swapped for a newer one."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.problems import HANGING, NOT_READY, RELOAD_FAILED, ProblemError
from chatbot.bot import Bot, Vitals
from chatbot.errors import ChatbotError

logger = logging.getLogger(__name__)

OnLoaded = Callable[[Exception | None], None]
_STOP_SECONDS = 2.0  # that an engine gets to end the step under way


class _Loan:
    """A bot, and how many replies use it."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self._num_users = 0
        self._unused = asyncio.Event()
        self._unused.set()

    @contextmanager
    def lend(self) -> Iterator[Bot]:
        self._num_users += 1
        self._unused.clear()
        try:
            yield self.bot
        finally:
            self._num_users -= 1
            if not self._num_users:
                self._unused.set()

    async def retire(self) -> None:
        """Stop the bot once nobody uses it."""
        await self._unused.wait()
        await asyncio.to_thread(self.bot.close, _STOP_SECONDS)


class BotKeeper:
    """Loads the bot in a thread and hands it out once it has really generated.

    `on_loaded` is called on the event loop when loading ended: with None when the bot is
    ready, else with what went wrong (the service then stays unready).
    """

    def __init__(
        self,
        load: Callable[[], Bot],
        on_loaded: OnLoaded | None = None,
        *,
        verify: Callable[[Bot], None] = lambda _: None,
    ) -> None:
        """Load with `load`; `verify` has the last word on a bot that is to replace another."""
        self._load = load
        self._verify = verify
        self._on_loaded = on_loaded or _log_outcome
        self._loan: _Loan | None = None
        self._failed = False
        self._loading: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._loading = asyncio.create_task(self._load_and_tell())

    def get(self) -> Bot:
        """The warmed-up bot, to look at; `lend` is for its use.

        Raises:
            ProblemError: 503 while it loads, or when it could not be loaded.
        """
        return self._current().bot

    @contextmanager
    def lend(self) -> Iterator[Bot]:
        """The bot, which is not stopped before it is given back, even if a newer one comes.

        Raises: as `get`.
        """
        with self._current().lend() as bot:
            yield bot

    @property
    def vitals(self) -> Vitals:
        """How the engine is doing; of no engine while there is none."""
        return self._loan.bot.vitals if self._loan is not None else Vitals(is_alive=False)

    def check_moves(self, seconds: float) -> None:
        """Look whether the engine works at all.

        Raises:
            ProblemError: 503 when a step takes longer than `seconds`, or its thread has died.
        """
        if self._loan is None:
            return
        vitals = self._loan.bot.vitals
        if not vitals.is_alive:
            raise ProblemError(HANGING, "引擎的线程已经结束，请重启服务。")
        if vitals.step_seconds > seconds:
            words = f"有回复在生成，却已 {vitals.step_seconds:.0f} 秒没有出字，请重启服务。"
            raise ProblemError(HANGING, words)

    async def reload(self) -> Bot:
        """Load the bot anew beside the old one, look it over, and swap the two.

        Replies under way end with the bot that began them.

        Raises:
            ProblemError: 409 when the new one cannot be used, or another reload is under way;
                nothing has changed then. 503 when there is nothing to replace yet.
        """
        old = self._current()
        if self._reloading.locked():
            raise ProblemError(RELOAD_FAILED, "已经在换模型了，请等它换完。")
        async with self._reloading:
            try:
                bot = await asyncio.to_thread(self._load_verified)
            except Exception as error:
                words = str(error) if isinstance(error, ChatbotError) else "原因见服务的日志"
                logger.warning("模型没有换：%s", words, exc_info=error)
                raise ProblemError(RELOAD_FAILED, f"仍用原来的模型：{words}。") from error
            self._loan = _Loan(bot)
            retiring = asyncio.create_task(old.retire())
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
            logger.info("换上了新模型：%s", bot.name)
            return bot

    async def stop_bot(self) -> None:
        """Stop the engine; replies under way end with `EngineStopped`. Idempotent."""
        if self._loan is not None:
            await asyncio.to_thread(self._loan.bot.close, _STOP_SECONDS)

    async def close(self) -> None:
        """Wait for a load under way, which no thread can be made to give up, and stop the bot."""
        if self._loading is not None:
            await self._loading
        async with self._reloading:
            await asyncio.gather(*self._retiring)
            await self.stop_bot()

    def _current(self) -> _Loan:
        if self._loan is not None:
            return self._loan
        if self._failed:
            raise ProblemError(NOT_READY, "模型没能加载，请查看服务的日志。")
        raise ProblemError(
            NOT_READY, "模型正在加载，请稍等几秒再试。", headers={"Retry-After": "1"}
        )

    async def _load_and_tell(self) -> None:
        try:
            self._loan = _Loan(await asyncio.to_thread(self._load_warm))
        except Exception as error:
            self._failed = True
            self._on_loaded(error)
        else:
            self._on_loaded(None)

    def _load_warm(self) -> Bot:
        bot = self._load()
        try:
            bot.warm_up()
        except BaseException:
            bot.close()
            raise
        return bot

    def _load_verified(self) -> Bot:
        bot = self._load_warm()
        try:
            self._verify(bot)
        except BaseException:
            bot.close()
            raise
        return bot


def _log_outcome(error: Exception | None) -> None:
    if error is None:
        logger.info("模型已就绪")
    elif isinstance(error, ChatbotError):
        logger.error("模型没能加载：%s", error)
    else:
        logger.error("模型没能加载", exc_info=error)
