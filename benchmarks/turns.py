"""Contenders in processes of their own that take turns, and the command lines that start them."""

import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import typer

from benchmarks.errors import BenchmarkError
from training.errors import TrainingError


class Child:
    """A contender in a process of its own, which stands still when it is not its turn."""

    def __init__(self, serve: Callable[..., None], entry: Any) -> None:
        """Start ``serve(pipe, entry)`` and wait until it sends that it is ready.

        Args:
            entry: who takes part; has a ``contender``, its name.
        """
        context = get_context("spawn")
        self._pipe, inner = context.Pipe()
        self._name = entry.contender
        self._process = context.Process(target=serve, args=(inner, entry), daemon=True)
        self._process.start()
        inner.close()
        self._receive()

    def turn(self) -> Any:
        """Let it work until it sends something; return that.

        Raises:
            BenchmarkError: the process died.
        """
        self._pipe.send("go")
        return self._receive()

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.kill()
        self._process.join()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise BenchmarkError(f"{self._name} 的进程没有了；原因见上面") from None


def run(command: Callable[..., None]) -> None:
    """Run a command line; a mistake of the caller's ends in one line and exit code 2."""
    try:
        typer.run(command)
    except (BenchmarkError, TrainingError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None
