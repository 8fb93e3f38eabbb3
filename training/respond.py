"""Run a checkpoint the way the bot serves it, over many messages, with fixed seeds.

``Bot.prepare`` makes the requests, so prompts, sampling, candidates, known replies and the guard
are the bot's own; only the worker's thread is left out: ``Engine.complete`` runs them here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from chatbot.bot import Bot
from chatbot.checkpoint import Checkpoint, load_checkpoint
from chatbot.classifier import judging_guard
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.dialogue import DialogueEncoder
from chatbot.generation import Draft, Reply
from training.exchanges import Exchange

_BATCH = 32

Accept = Callable[[list[int]], bool]
Tell = Callable[[int], None]


@dataclass(frozen=True)
class Response:
    """A reply, and what would have been sent without a guard.

    Attributes:
        reply: what the person sees.
        raw: the first choice, unfiltered; None when the guard answered in the model's place.
    """

    reply: Reply
    raw: str | None

    @property
    def text(self) -> str:
        """What the person sees."""
        return self.reply.text


class Responder:
    """A checkpoint that answers in this thread. Close it: ``with Responder(folder) as …``.

    Attributes:
        checkpoint: what was loaded.
        bot: the serving line over it.
        engine: an engine of its own over the same model.
        encoder: of the checkpoint's vocabulary.
        params: the checkpoint's own sampling parameters.
    """

    def __init__(
        self, folder: str | Path, *, use_known: bool = True, judge: Path | None = None
    ) -> None:
        """Load a checkpoint folder; takes seconds.

        Args:
            judge: the folder of the classifier that judges replies; None: the lexicon alone does.

        Raises:
            CheckpointError: it is missing, corrupt, or does not fit together.
        """
        self.checkpoint: Checkpoint = load_checkpoint(folder)
        self.bot = Bot(self.checkpoint, use_known=use_known, guard=judging_guard(judge))
        self.engine = Engine(self.checkpoint.model, max_waiting=_BATCH)
        self.encoder = DialogueEncoder(self.checkpoint.tokenizer)
        self.params: SamplingParams = self.bot.defaults

    def __enter__(self) -> "Responder":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self.bot.close()

    def can_answer(self, message: str) -> bool:
        """Whether something is left of the message and it fits the model beside a reply."""
        (ids,) = self.encoder.encode_utterances([message])
        return 0 < len(ids) <= self.bot.max_message_tokens(self.params.max_new_tokens)

    def respond(
        self, exchanges: Sequence[Exchange], *, seed: int, tell: Tell | None = None
    ) -> list[Response]:
        """Return the response to each message, in order; number i is sampled with ``seed + i``.

        Args:
            tell: called with the number of responses that were added.

        Raises:
            MessageEmpty, MessageTooLong: ``can_answer`` tells beforehand.
        """
        responses: list[Response] = []
        for start in range(0, len(exchanges), _BATCH):
            batch = exchanges[start : start + _BATCH]
            responses += self._batch(batch, seed + start)
            if tell is not None:
                tell(len(batch))
        return responses

    def converse(
        self, conversations: Sequence[Sequence[str]], *, seed: int, tell: Tell | None = None
    ) -> list[list[str]]:
        """Talk with given person's turns; return each conversation: turn, reply, turn, reply, …

        Every turn is answered in the conversation as it went so far, whatever it replied to when
        it was written. Reply number i, counted round by round, is sampled with ``seed + i``.
        """
        talks: list[list[str]] = [[] for _ in conversations]
        num_replies = 0
        for turn in range(max(map(len, conversations), default=0)):
            open_ones = [place for place, said in enumerate(conversations) if turn < len(said)]
            exchanges = [
                Exchange(tuple(talks[place]), conversations[place][turn]) for place in open_ones
            ]
            responses = self.respond(exchanges, seed=seed + num_replies, tell=tell)
            num_replies += len(exchanges)
            for place, response in zip(open_ones, responses, strict=True):
                talks[place] += [conversations[place][turn], response.text]
        return talks

    def _batch(self, exchanges: Sequence[Exchange], seed: int) -> list[Response]:
        prepared = [
            self.bot.prepare(item.history, item.message, replace(self.params, seed=seed + place))
            for place, item in enumerate(exchanges)
        ]
        requests = [request for request, _ in prepared if request is not None]
        notes = [_FirstChoice(request.accept) for request in requests]
        for request, note in zip(requests, notes, strict=True):
            request.accept = note
        self.engine.complete(requests)
        firsts = iter(notes)
        responses = []
        for asked, draft in prepared:
            if asked is None:
                responses.append(Response(_whole(draft), None))
                continue
            note = next(firsts)
            first = note.ids if note.is_refused and note.ids else asked.output_ids
            _fill(draft, asked.output_ids, is_whole=asked.finish_reason == "stop")
            responses.append(Response(_whole(draft), self.encoder.decode(first)))
        return responses


class _FirstChoice:
    """Passes judgement on, and takes note of the first reply that is judged: the best ranked.

    Attributes:
        ids: that reply.
        is_refused: it may not be sent. (One that may can still give way to the request's fallback.)
    """

    def __init__(self, accept: Accept | None) -> None:
        self.ids: list[int] | None = None
        self.is_refused = False
        self._accept = accept

    def __call__(self, ids: list[int]) -> bool:
        is_accepted = self._accept is None or self._accept(ids)
        if self.ids is None:
            self.ids, self.is_refused = list(ids), not is_accepted
        return is_accepted


def _fill(draft: Draft, ids: Sequence[int], *, is_whole: bool) -> None:
    """Hand a finished reply's ids to its draft, as the bot does one by one."""
    for token_id in ids:
        draft.append(token_id)
        if draft.reply is not None:  # the filter has stopped it
            return
    draft.end("stop" if is_whole else "length")


def _whole(draft: Draft) -> Reply:
    assert draft.reply is not None, "it was filled to its end"
    return draft.reply
