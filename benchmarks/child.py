"""A contender in a process of its own.

Together in one process the engines hinder each other: after the first call to CTranslate2, torch's
products there were measured to be a third slower for good, with nothing else running.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

import torch
from transformers.utils import logging

from benchmarks.contender import Answer, Contender, Ids
from benchmarks.errors import BenchmarkError
from benchmarks.ours import Ours
from benchmarks.peers import PEERS
from benchmarks.subjects import Pair

OURS = "ours"

_STOP_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Who takes part, with which model.

    Attributes:
        name: ``OURS`` or a name in ``PEERS``.
        build: makes the model and its tokenizer; a function that can be pickled.
        device: where the model runs.
        num_streams: the most that it will be asked for at once.
    """

    name: str
    build: Callable[[], Pair]
    device: str
    num_threads: int
    num_streams: int

    def contender(self) -> Contender:
        """Make the engine."""
        model, tokenizer = self.build()
        model.to(self.device)
        if self.name == OURS:
            return Ours(model, self.num_streams)
        return PEERS[self.name].build(model, tokenizer, self.num_threads)


class Child:
    """The side of an entry; a context manager that ends the process."""

    def __init__(self, entry: Entry) -> None:
        """Start the process and wait until the engine is ready.

        Raises:
            BenchmarkError: the process died.
        """
        self._name = entry.name
        context = get_context("spawn")  # a forked one would wait for threads that it has not got
        self._pipe, inner = context.Pipe()
        self._process = context.Process(target=_serve, args=(inner, entry), daemon=True)
        self._process.start()
        inner.close()
        with self._alive():
            self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join(_STOP_SECONDS)
        self._process.kill()

    def answer(self, prompts: list[Ids], num_new_tokens: int) -> Answer:
        """Let the contender generate, timed in its own process.

        Raises:
            BenchmarkError: the process died.
        """
        with self._alive():
            self._pipe.send((prompts, num_new_tokens))
            answer: Answer = self._pipe.recv()
        return answer

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError):
            raise BenchmarkError(
                f"{self._name} 的进程没有了；原因见上面，上面没有的话多半是内存不够"
            ) from None


def _serve(pipe: Connection, entry: Entry) -> None:
    """Answer until the other end is closed."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(entry.num_threads)
    with contextlib.suppress(EOFError, ConnectionError, KeyboardInterrupt):
        contender = entry.contender()
        pipe.send(Answer([], 0))  # ready
        while True:
            prompts, num_new_tokens = pipe.recv()
            begin = time.perf_counter()
            replies = contender.generate(prompts, num_new_tokens)
            pipe.send(Answer(replies, time.perf_counter() - begin))
