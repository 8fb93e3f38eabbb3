"""The bot, loaded in the background while the service already answers `/healthz`."""

import asyncio
import logging
from collections.abc import Callable

from api.problems import NOT_READY, ProblemError
from chatbot.bot import Bot
from chatbot.errors import ChatbotError

logger = logging.getLogger(__name__)

OnLoaded = Callable[[Exception | None], None]


class BotKeeper:
    """Loads the bot in a thread and hands it out once it has really generated.

    `on_loaded` is called on the event loop when loading ended: with None when the bot is
    ready, else with what went wrong (the service then stays unready).
    """

    def __init__(self, load: Callable[[], Bot], on_loaded: OnLoaded | None = None) -> None:
        self._load = load
        self._on_loaded = on_loaded or _log_outcome
        self._bot: Bot | None = None
        self._failed = False
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load; returns at once."""
        self._loading = asyncio.create_task(self._load_and_tell())

    def get(self) -> Bot:
        """The warmed-up bot.

        Raises:
            ProblemError: 503 while it loads, or when it could not be loaded.
        """
        if self._bot is not None:
            return self._bot
        if self._failed:
            raise ProblemError(NOT_READY, "模型没能加载，请查看服务的日志。")
        raise ProblemError(
            NOT_READY, "模型正在加载，请稍等几秒再试。", headers={"Retry-After": "1"}
        )

    async def stop_bot(self) -> None:
        """Stop the engine; replies under way end with `EngineStopped`. Idempotent."""
        if self._bot is not None:
            await asyncio.to_thread(self._bot.close)

    async def close(self) -> None:
        """Wait for a load under way, which no thread can be made to give up, and stop the bot."""
        if self._loading is not None:
            await self._loading
        await self.stop_bot()

    async def _load_and_tell(self) -> None:
        try:
            self._bot = await asyncio.to_thread(self._load_warm)
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


def _log_outcome(error: Exception | None) -> None:
    if error is None:
        logger.info("模型已就绪")
    elif isinstance(error, ChatbotError):
        logger.error("模型没能加载：%s", error)
    else:
        logger.error("模型没能加载", exc_info=error)
