"""What could be said beside what the model samples, as texts.

Known replies, retorts to an insult, what the person told earlier, and an open ear.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatbot.known import KnownReplies, Match
from chatbot.listening import asks_anything, asks_fact, listening_reply
from chatbot.recollection import Told, asks_for_told, things_told
from chatbot.safety.guard import Guard

_NUM_KNOWN = 16
_RETORT_FITS = 0.7
_NUM_TOLD = 16
# What speaks for something told beside the model: each nat of inverse document frequency that it
# shares with the question, and that it looks like an answer.
_SHARED, _ANSWERS = 0.25, 2.5
# How like a question of fact a known one must be, and how much of it that must hold: a small model
# makes facts up, and the right answer to another question is wrong.
_SURE, _COVERAGE = 0.45, 0.85
# What a reply must be worth. In the middle of a talk replies err more often, and to what is told
# rather than asked an open ear is a good answer.
_FLOOR, _FLOOR_IN_TALK = 0.5, 0.55


@dataclass(frozen=True)
class OpenEar:
    """What to say rather than something poor; the fields are those of the engine's fallback."""

    reply: str
    floor: float
    only_proposed: bool


@dataclass(frozen=True)
class Quotable:
    """Something told, and what speaks in words for its being asked for: the prior of a quote."""

    told: Told
    prior: float


class Suggestions:
    """Suggests replies to a message; the model ranks them with its own."""

    def __init__(self, known: KnownReplies, guard: Guard) -> None:
        self._known = known
        self._guard = guard

    def retorts(self, history: Sequence[str], message: str) -> list[Match]:
        """Return, to an insult, what can be said with good humour and was not said yet."""
        retorts = self._guard.retorts(message)
        return [Match(reply, _RETORT_FITS) for reply in retorts if reply not in history]

    def told(self, history: Sequence[str], message: str) -> list[Quotable]:
        """Return, to a question for what the person told before, what it could be."""
        if not asks_for_told(message):
            return []
        found = things_told(history, message)[-_NUM_TOLD:]
        return [
            Quotable(
                item,
                _SHARED * self._known.shared(message, *item.utterances[::2])
                + _ANSWERS * item.answers,
            )
            for item in found
        ]

    def known(
        self, history: Sequence[str], message: str, state: NDArray[np.float32], seed: int
    ) -> list[Match]:
        """Return known replies from places like this one.

        Args:
            state: of the model at the end of the conversation, (D,).
        """
        sure = {"min_similarity": _SURE, "min_coverage": _COVERAGE} if asks_fact(message) else {}
        return self._known.propose(
            history, message, count=_NUM_KNOWN, seed=seed, state=state, **sure
        )

    def fallback(self, history: Sequence[str], message: str, seed: int) -> OpenEar | None:
        """Return what to say rather than something poor; None for a bot without known replies.

        What a reply must be worth was learnt beside known ones; such a bot says what it samples.
        """
        if not self._known:
            return None
        is_told = bool(history) and not asks_anything(message)
        return OpenEar(
            reply=listening_reply(message, history, seed),
            floor=_FLOOR_IN_TALK if is_told else _FLOOR,
            only_proposed=asks_fact(message),
        )
