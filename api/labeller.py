"""The labeller: loads the head in the background and classifies in a thread of its own."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from api.problems import NOT_READY, QUEUE_FULL, ProblemError
from chatbot.classifier import Classifier, Prediction, load_classifier
from chatbot.errors import ChatbotError

logger = logging.getLogger(__name__)

_MOST_WAITING = 8  # requests, the one under way included


class Labeller:
    """One head and one thread, so that neither the chat's engine nor the event loop waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._num_open = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="labelling")
        self._classifier: Classifier | None = None
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load; returns at once. A folder that cannot be loaded is told in the log."""
        self._loading = asyncio.create_task(self._load())

    def get(self) -> Classifier:
        """The classifier.

        Raises:
            ProblemError: 503 while it loads, or where there is none.
        """
        if self._classifier is not None:
            return self._classifier
        assert self._loading is not None, "started with the service"
        if not self._loading.done():
            words = "分类模型正在加载，请稍等几秒再试。"
            raise ProblemError(NOT_READY, words, headers={"Retry-After": "1"})
        raise ProblemError(
            NOT_READY, "没有可用的分类模型；请用 XIANLIAO_HEAD 指明它的文件夹，再重启服务。"
        )

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """What each text is.

        Raises:
            ProblemError: 503 without a classifier, 429 when too many requests wait.
        """
        classifier = self.get()
        if self._num_open >= _MOST_WAITING:
            words = f"排队的已有 {self._num_open} 个，请稍后再试。"
            raise ProblemError(QUEUE_FULL, words, headers={"Retry-After": "1"})
        self._num_open += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, classifier.classify, texts)
        finally:
            self._num_open -= 1

    async def close(self) -> None:
        """Wait for what no thread can be made to give up."""
        if self._loading is not None:
            await self._loading
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def _load(self) -> None:
        try:
            self._classifier = await asyncio.to_thread(load_classifier, self._folder)
        except ChatbotError as error:
            logger.warning("没有分类：%s", error)
        except Exception:
            logger.exception("没有分类")
