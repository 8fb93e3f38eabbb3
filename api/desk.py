"""The desk at which novels are continued: one novelist, a few writings at once, in threads.

A writing takes seconds of computing, so it has threads of its own, apart from the chat's engine
and from the event loop.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from api.problems import NOT_READY, QUEUE_FULL, ProblemError, invalid_field
from api.writing import WriteAnswer, WriteRequest, WritingUsage
from chatbot.errors import ChatbotError, InvalidPrompt
from chatbot.novelist import Novelist
from chatbot.safety.guard import Guard, ReplyFilter
from chatbot.writing import WritingParams

logger = logging.getLogger(__name__)

_RETRY_SECONDS = "5"
_DRAIN_STEP = 0.05  # seconds


class Writing:
    """A continuation under way; iterate over ``pieces`` once, then there is an ``answer``."""

    def __init__(
        self,
        request: WriteRequest,
        novelist: Novelist,
        output_filter: ReplyFilter,
        threads: Executor,
    ) -> None:
        """Begin; raises `InvalidPrompt` if the novelist cannot read the prompt."""
        params = request.params(novelist.defaults)
        self.request = request
        self._params, self._model, self._threads = params, novelist.name, threads
        self._characters: Iterator[str] = novelist.write(request.prompt, params)
        self._filter = output_filter
        self._text = ""
        self._num_written = 0

    async def pieces(self) -> AsyncIterator[str]:
        """Write on, and yield what may leave; a blocked phrase ends the text before it."""
        loop = asyncio.get_running_loop()
        while not self._filter.tripped:
            character = await loop.run_in_executor(self._threads, next, self._characters, "")
            self._num_written += len(character)
            piece = self._filter.feed(character) if character else self._filter.finish()
            self._text += piece
            if piece:
                yield piece
            if not character:
                break

    async def finish(self) -> WriteAnswer:
        """Write to the end and return the whole."""
        async for _ in self.pieces():
            pass
        return self.answer

    @property
    def answer(self) -> WriteAnswer:
        """The whole, once all pieces have been read."""
        assert self._params.seed is not None, "the request's parameters are seeded"
        return WriteAnswer(
            text=self._text,
            finish_reason="filtered" if self._filter.tripped else "length",
            usage=WritingUsage(prompt_chars=len(self.request.prompt), new_chars=self._num_written),
            model=self._model,
            seed=self._params.seed,
        )


class Desk:
    """Loads the novelist in the background and lets at most `max_writings` go on at once."""

    def __init__(self, folder: Path, max_writings: int) -> None:
        self._folder, self._max_writings = folder, max_writings
        self._num_open = 0
        self._threads = ThreadPoolExecutor(max_writings, thread_name_prefix="writing")
        self._loaded: tuple[Novelist, Guard] | None = None
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to load; returns at once. A folder that cannot be loaded is told in the log."""
        self._loading = asyncio.create_task(self._load())

    @property
    def defaults(self) -> WritingParams | None:
        """The novelist's own parameters, once there is one."""
        return self._loaded[0].defaults if self._loaded else None

    @asynccontextmanager
    async def admit(self, request: WriteRequest) -> AsyncIterator[Writing]:
        """Give a request its place; nothing is written yet.

        Raises:
            ProblemError: 503 without a novelist, 429 when all places are taken, 422 for a prompt
                with characters that the novelist does not know.
        """
        novelist, guard = self._get()
        if self._num_open >= self._max_writings:
            words = f"已有 {self._num_open} 篇正在写，请过几秒再试。"
            raise ProblemError(QUEUE_FULL, words, headers={"Retry-After": _RETRY_SECONDS})
        try:
            writing = Writing(request, novelist, guard.stream(), self._threads)
        except InvalidPrompt as error:
            raise invalid_field("prompt", "unknown_characters", str(error)) from None
        self._num_open += 1
        try:
            yield writing
        finally:
            self._num_open -= 1

    async def drain(self) -> None:
        """Wait for the writings under way."""
        while self._num_open:
            await asyncio.sleep(_DRAIN_STEP)

    async def close(self) -> None:
        """Wait for what no thread can be made to give up: loading, or one character."""
        if self._loading is not None:
            await self._loading
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _get(self) -> tuple[Novelist, Guard]:
        if self._loaded is not None:
            return self._loaded
        assert self._loading is not None, "started with the service"
        if not self._loading.done():
            words = "续写模型正在加载，请稍等几秒再试。"
            raise ProblemError(NOT_READY, words, headers={"Retry-After": "1"})
        raise ProblemError(
            NOT_READY, "没有可用的续写模型；请用 XIANLIAO_NOVELIST 指明它的文件夹，再重启服务。"
        )

    async def _load(self) -> None:
        try:
            novelist = await asyncio.to_thread(Novelist.from_folder, self._folder)
            self._loaded = novelist, await asyncio.to_thread(Guard.configured)
        except ChatbotError as error:
            logger.warning("没有续写：%s", error)
        except Exception:
            logger.exception("没有续写")
