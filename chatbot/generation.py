"""A reply on its way out: ids become text, the text passes the safety filter, pieces leave."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from chatbot.likelihood import LikelyId, LikelyToken
from chatbot.safety.guard import Guard
from chatbot.stop_sequences import StopSequences

Decode = Callable[[Sequence[int]], str]
Spell = Callable[[Sequence[LikelyId], str], list[LikelyToken]]
Verdict = TypeVar("Verdict")
FinishReason = Literal["stop", "length", "filtered"]

_SENTENCE_ENDS = "。！？…~～!?"


class Moments(Protocol):
    """When the engine did what for a reply, by ``time.monotonic``; None: it did not.

    The attributes are those of the decoder's ``Timing``.
    """

    submitted: float
    started: float | None
    steps: list[float]
    ended: float | None


class TokenStream(Protocol):
    """The ids of a reply as the engine makes them."""

    @property
    def timing(self) -> Moments:
        """The engine's thread writes it."""

    @property
    def finish_reason(self) -> str | None:
        """``"stop"`` or ``"length"`` once the reply is whole."""

    @property
    def log_probs(self) -> Sequence[LikelyId] | None:
        """How likely each id was, once they have come; None: nobody asked."""

    async def __anext__(self) -> int: ...

    def come_whole(self) -> None:
        """Send the ids with the end only."""

    def cancel(self) -> None:
        """Make no more."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a reply is made from; the fields are those of ``Reply``."""

    prompt_tokens: int
    history_used: int
    history_dropped: int
    seed: int


@dataclass(frozen=True)
class Reply:
    """A whole reply.

    Attributes:
        text: what was shown, the pieces joined.
        finish_reason: ``stop``: the model ended it; ``length``: it reached ``max_new_tokens``;
            ``filtered``: a fixed kind reply stands in its place or closes it.
        prompt_tokens: ids that the model read; 0 when the message never reached it.
        completion_tokens: ids that the model wrote, the closing ``[SEP]`` not counted.
        history_used: earlier utterances in the prompt.
        history_dropped: earlier utterances left out for lack of room.
        seed: samples the same reply to the same prompt.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    history_used: int
    history_dropped: int
    seed: int


class Checks(list[tuple[float, float]]):
    """When the guard judged whole texts: each begin and end, by ``time.monotonic``."""

    def timed(self, judge: Callable[..., Verdict], *text: str) -> Verdict:
        """Have a text judged, and note when."""
        began = time.monotonic()
        verdict = judge(*text)
        self.append((began, time.monotonic()))
        return verdict


class Draft:
    """The text of one reply as it grows, id by id.

    A reply that the filter stops goes on with a fixed kind one: after what was already shown and,
    unless a sentence had just ended there, "……".

    Attributes:
        pieces: safe to show and not yet taken.
        reply: the whole reply, once it is.
        checks: when the guard judged the message and the whole reply.
        has_stops: whether strings of its own may end it before the model does.
    """

    def __init__(
        self,
        decode: Decode,
        guard: Guard,
        origin: Origin,
        stops: Sequence[str] = (),
        checks: Checks | None = None,
    ) -> None:
        """Begin with no text; one of the strings ``stops`` ends it, and does not leave."""
        self.pieces: deque[str] = deque()
        self.reply: Reply | None = None
        self.checks = Checks() if checks is None else checks
        self._decode = decode
        self._guard = guard
        self._filter = guard.stream()
        self._stops = StopSequences(stops)
        self.has_stops = bool(stops)
        self._origin = origin
        self._text = ""
        self._num_tokens = 0
        self._last_ids: list[int] = []

    def append(self, token_id: int) -> None:
        """Take the next id of the model."""
        self._num_tokens += 1
        self._take(self._filter.feed(self._stops.feed(self._new_text(token_id))))
        if self._stops.met and self.reply is None:
            self.end("stop")

    def end(self, reason: FinishReason) -> None:
        """Take the end of the model's ids."""
        self._take(self._filter.feed(self._stops.finish()))
        if self.reply is None:
            self._take(self.checks.timed(self._filter.finish))
        if self.reply is None:
            self._close(reason)

    def stand_in(self, kind_reply: str) -> None:
        """End with a fixed reply instead of what the model would say."""
        breaks_off = self._text and self._text[-1] not in _SENTENCE_ENDS
        self._show(f"……{kind_reply}" if breaks_off else kind_reply)
        self._close("filtered")

    def _new_text(self, token_id: int) -> str:
        """Return what the id adds to the text; only the id before it has a say in that."""
        before = self._decode(self._last_ids)
        after = self._decode([*self._last_ids, token_id])
        self._last_ids = [token_id]
        return after[len(before) :]

    def _take(self, safe_piece: str) -> None:
        self._show(safe_piece)
        if self._filter.tripped:
            self.stand_in(self._guard.fallback())

    def _show(self, piece: str) -> None:
        if piece:
            self._text += piece
            self.pieces.append(piece)

    def _close(self, reason: FinishReason) -> None:
        origin = self._origin
        self.reply = Reply(
            text=self._text,
            finish_reason=reason,
            prompt_tokens=origin.prompt_tokens,
            completion_tokens=self._num_tokens,
            history_used=origin.history_used,
            history_dropped=origin.history_dropped,
            seed=origin.seed,
        )


class Generation:
    """One reply being generated, on the event loop that started it.

    ``async for`` gives the pieces; it raises ``GenerationFailed`` or ``EngineStopped`` when there
    will be no more. Cancelling the task that awaits a piece cancels the generation.
    """

    def __init__(
        self, draft: Draft, tokens: TokenStream | None, spell: Spell | None = None
    ) -> None:
        """Read ``tokens`` into a draft; ``spell`` tells how likely they were, in text."""
        self._draft = draft
        self._tokens = tokens
        self._spell = spell

    @property
    def reply(self) -> Reply:
        """The whole reply, once the iteration has ended.

        Raises:
            RuntimeError: it has not, or there is none: the generation was cancelled or failed.
        """
        if self._draft.reply is None or self._draft.pieces:
            raise RuntimeError("there is no whole reply: it is under way, or it was stopped")
        return self._draft.reply

    @property
    def log_probs(self) -> list[LikelyToken] | None:
        """How likely the model found each token that left whole; None: nobody asked.

        None as well for a filtered reply: what it says instead is not the model's.

        Raises:
            RuntimeError: as ``reply``.
        """
        found = self._tokens.log_probs if self._tokens is not None else None
        if found is None or self._spell is None or self.reply.finish_reason == "filtered":
            return None
        return self._spell(found, self.reply.text)

    @property
    def moments(self) -> Moments | None:
        """When the engine did what; None: the guard answered alone."""
        return self._tokens.timing if self._tokens is not None else None

    @property
    def checks(self) -> Checks:
        """When the guard judged the message and the whole reply."""
        return self._draft.checks

    async def wait(self) -> Reply:
        """Read to the end and return the whole reply.

        Raises:
            asyncio.CancelledError: the generation was cancelled.
            GenerationFailed, EngineStopped: as in the iteration.
        """
        if self._tokens is not None and not self._draft.has_stops:
            self._tokens.come_whole()
        async for _ in self:
            pass
        if self._draft.reply is None:
            raise asyncio.CancelledError
        return self._draft.reply

    def cancel(self) -> None:
        """Stop; the iteration ends, without a reply unless it was whole. Idempotent."""
        if self._tokens is not None:
            self._tokens.cancel()

    def __aiter__(self) -> "Generation":
        return self

    async def __anext__(self) -> str:
        while not self._draft.pieces:
            if self._draft.reply is not None or not await self._read_token():
                raise StopAsyncIteration
        return self._draft.pieces.popleft()

    async def _read_token(self) -> bool:
        """Take one more id, or the end, into the draft; return False when nothing will come."""
        if self._tokens is None:
            return False
        try:
            self._draft.append(await anext(self._tokens))
        except StopAsyncIteration:
            match self._tokens.finish_reason:
                case "stop" | "length" as reason:
                    self._draft.end(reason)
                case _:
                    return False
        if self._draft.reply is not None:  # a stopped reply needs no more ids
            self._tokens.cancel()
        return True
