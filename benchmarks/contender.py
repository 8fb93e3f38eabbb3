"""What is raced: somebody's model and engine that write a given number of tokens."""

from typing import NamedTuple, Protocol

Ids = list[int]

TOP_K = 8
TOP_P = 0.9


class Contender(Protocol):
    """One engine with one model."""

    def generate(self, prompts: list[Ids], num_new_tokens: int) -> list[Ids]:
        """Return ``num_new_tokens`` sampled ids for each prompt, all prompts at once.

        Sampling is with ``TOP_K`` and ``TOP_P`` at temperature 1, and nothing ends it early.
        """


class Answer(NamedTuple):
    """New ids for each prompt, and the seconds of the call that made them."""

    replies: list[Ids]
    seconds: float


class Side(Protocol):
    """One side of a race: a contender wherever it runs, and its clock."""

    def answer(self, prompts: list[Ids], num_new_tokens: int) -> Answer:
        """Let the contender generate, and time it."""
