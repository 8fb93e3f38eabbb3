"""What could be said beside what the model samples, as texts: known replies, retorts, an open ear."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.known import KnownReplies, Match
from chatbot.listening import asks_anything, asks_fact, listening_reply
from chatbot.safety.guard import Guard

_NUM_KNOWN = 24
_RETORT_FITS = 0.6  # how like the message a retort's occasion is taken to be
# How like a question of fact a known one must be, and how much of it that must hold: a small model
# makes facts up, and the right answer to another question is wrong.
_SURE, _COVERAGE = 0.45, 0.85
# What a sampled reply must be worth, and a known one. In the middle of a talk both err more often,
# and to what is told rather than asked an open ear is a good answer.
_FLOORS, _FLOORS_IN_TALK = (0.2, 0.2), (0.7, 1.5)


@dataclass(frozen=True)
class OpenEar:
    """What to say rather than something poor; the fields are those of the engine's fallback."""

    reply: str
    floor: float
    floor_proposed: float
    min_prior: float


class Suggestions:
    """Suggests replies to a message; the model ranks them with its own."""

    def __init__(self, known: KnownReplies, guard: Guard) -> None:
        self._known = known
        self._guard = guard

    def proposals(self, history: Sequence[str], message: str, seed: int) -> list[Match]:
        """Return known replies to like messages and, to an insult, retorts not used yet."""
        known = self._known.propose(
            history,
            message,
            count=_NUM_KNOWN,
            seed=seed,
            min_coverage=_COVERAGE if asks_fact(message) else 0.0,
        )
        retorts = [reply for reply in self._guard.retorts(message) if reply not in history]
        return known + [Match(reply, _RETORT_FITS) for reply in retorts]

    def fallback(self, history: Sequence[str], message: str, seed: int) -> OpenEar:
        """Return what to say rather than something poor."""
        is_told = bool(history) and not asks_anything(message)
        floor, floor_proposed = _FLOORS_IN_TALK if is_told else _FLOORS
        return OpenEar(
            reply=listening_reply(message, history, seed),
            floor=floor,
            floor_proposed=floor_proposed,
            min_prior=_SURE if asks_fact(message) else 0.0,
        )
