"""The bot: the whole serving line, from what was said to the reply that leaves.

history + message → ids, trimmed to fit → engine → text → safety → pieces of the reply

With several candidates, known replies to like messages are proposed beside what the model samples,
what the person asks back is said back, only what is safe may be chosen, and when none is worth
saying, an open ear is better.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from chatbot.checkpoint import Checkpoint, load_checkpoint
from chatbot.classifier import judging_guard
from chatbot.cores import spare_cores
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import CACHE_BYTES, MAX_WAITING, NUM_SLOTS, Precision, SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.timing import Timing
from chatbot.decoding.vitals import Vitals
from chatbot.decoding.worker import Worker
from chatbot.dialogue import DialogueEncoder, is_mark
from chatbot.errors import InvalidParams, MessageEmpty, MessageTooLong
from chatbot.generation import Checks, Draft, Generation, Origin, Reply
from chatbot.known import KnownReplies
from chatbot.likelihood import spelled
from chatbot.proposer import Proposer
from chatbot.recollection import asks_for_told
from chatbot.safety.guard import Guard
from chatbot.suggestions import Suggestions

__all__ = ["Bot", "Generation", "Reply", "Timing", "Vitals", "token_rules"]

_WARM_UP = SamplingParams(max_new_tokens=8, seed=0)
_FRAME = 2  # the [CLS] before a message and the [SEP] after it


class Bot:
    """A checkpoint that talks. ``start`` belongs on an event loop; the rest may block.

    Attributes:
        name: the model's name.
        defaults: the checkpoint's own sampling parameters.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        num_slots: int = NUM_SLOTS,
        max_waiting: int = MAX_WAITING,
        use_known: bool = True,
        precision: Precision = "auto",
        cache_bytes: int = CACHE_BYTES,
        guard: Guard | None = None,
        on_end: Callable[[Timing], None] | None = None,
    ) -> None:
        """Take a checkpoint over.

        Args:
            num_slots, max_waiting, precision, cache_bytes: as the engine takes them.
            use_known: propose the checkpoint's known replies, if it has any.
            guard: at both doors; by default over our lexicon and the operator's.
            on_end: hears, in the engine's thread, of each generation that ended.

        Raises:
            LexiconError: the operator's lexicon cannot be read.
        """
        self.name = str(checkpoint.manifest["name"])
        self.defaults = checkpoint.defaults
        self._encoder = DialogueEncoder(checkpoint.tokenizer)
        self._rules = token_rules(self._encoder)
        self._guard = guard or Guard.configured()
        known = KnownReplies(*((checkpoint.known, checkpoint.states) if use_known else ((),)))
        self._proposer = Proposer(self._encoder, Suggestions(known, self._guard))
        engine = Engine(
            checkpoint.model,
            num_slots=num_slots,
            max_waiting=max_waiting,
            precision=precision,
            cache_bytes=cache_bytes,
        )
        self._num_positions = engine.max_length
        self._worker = Worker(engine, num_threads=spare_cores(), on_end=on_end)

    @classmethod
    def from_checkpoint(
        cls,
        folder: str | Path,
        *,
        num_slots: int = NUM_SLOTS,
        max_waiting: int = MAX_WAITING,
        use_known: bool = True,
        precision: Precision = "auto",
        cache_bytes: int = CACHE_BYTES,
        judge: str | Path | None = None,
        on_end: Callable[[Timing], None] | None = None,
    ) -> "Bot":
        """Load a checkpoint folder; takes seconds.

        Args:
            judge: the folder of a classifier that judges whole replies on their way out, so that
                even a single candidate leaves all at once; None: the lexicon alone decides.
            on_end: hears, in the engine's thread, of each generation that ended.

        Raises:
            CheckpointError: a folder is missing, corrupt, or does not fit together.
            LexiconError: the operator's lexicon cannot be read.
        """
        return cls(
            load_checkpoint(folder),
            num_slots=num_slots,
            max_waiting=max_waiting,
            use_known=use_known,
            precision=precision,
            cache_bytes=cache_bytes,
            guard=judging_guard(judge),
            on_end=on_end,
        )

    @property
    def guard(self) -> Guard:
        """What decides at both doors."""
        return self._guard

    @property
    def banned_ids(self) -> frozenset[int]:
        """What a reply never holds."""
        return self._rules.banned_ids

    @property
    def vitals(self) -> Vitals:
        """How the engine is doing; free of waiting, whatever it does."""
        return self._worker.vitals

    def max_message_tokens(self, max_new_tokens: int) -> int:
        """Return how many tokens a message can have beside a reply of ``max_new_tokens``.

        A Chinese character is at most one token.
        """
        return max(0, self._num_positions - max_new_tokens - _FRAME)

    def start(
        self,
        history: Sequence[str],
        message: str,
        params: SamplingParams,
        stops: Sequence[str] = (),
        *,
        top_log_probs: int | None = None,
    ) -> Generation:
        """Begin the reply to a message; returns at once.

        Args:
            history: earlier utterances, oldest first, the person's first, an even number. The
                oldest turns are left out when prompt and reply would not fit together.
            stops: strings that end the reply and do not leave.
            top_log_probs: tell how likely each token was, beside so many of the likeliest; the
                reply then leaves all at once. None: do not.

        Raises:
            MessageEmpty, MessageTooLong: the message cannot be answered.
            InvalidParams: ``max_new_tokens`` leaves this model no room for any message.
            QueueFull: too many replies are under way.
            EngineStopped: the bot is closed.
        """
        request, draft = self.prepare(history, message, params, stops, top_log_probs=top_log_probs)
        tokens = self._worker.submit(request) if request is not None else None
        return Generation(draft, tokens, partial(spelled, self._encoder))

    def prepare(
        self,
        history: Sequence[str],
        message: str,
        params: SamplingParams,
        stops: Sequence[str] = (),
        *,
        top_log_probs: int | None = None,
    ) -> tuple[Request | None, Draft]:
        """Return a reply's request (None: the guard answers) and its draft; raises as ``start``."""
        message_ids = self._encode_message(message, params)
        checks = Checks()
        if kind_reply := checks.timed(self._guard.check_input, message):
            return None, self._draft_without_model(kind_reply, params, checks)
        budget = self._num_positions - params.max_new_tokens
        prompt = self._encoder.encode_prompt(history, message_ids, budget)
        params = params.seeded()
        request = Request(
            prompt.ids,
            params,
            self._rules,
            proposals=self._proposer.retorts(history, message, params),
            quotes=self._proposer.quotes(history, message, params),
            find=self._proposer.finder(history, message, params),
            accept=lambda ids: self._guard.check_output(self._encoder.decode(ids)),
            fallback=self._proposer.fallback(history, message, params),
            looks_back=asks_for_told(message),
            top_log_probs=top_log_probs,
        )
        origin = Origin(
            prompt_tokens=len(prompt.ids),
            history_used=prompt.history_used,
            history_dropped=prompt.history_dropped,
            seed=request.seed,
        )
        return request, Draft(self._encoder.decode, self._guard, origin, stops, checks)

    def warm_up(self) -> None:
        """Generate a few tokens for real; blocks, and not to be called on an event loop.

        Raises:
            GenerationFailed: the model does not work.
        """

        async def generate() -> None:
            await self.start([], "你好", _WARM_UP).wait()

        asyncio.run(generate())

    def greedy_ids(self, message: str, num_tokens: int) -> tuple[tuple[int, ...], list[int]]:
        """Return a prompt's ids and the likeliest reply's; blocks as ``warm_up`` does.

        Raises:
            GenerationFailed: the model does not work.
        """
        params = SamplingParams(temperature=0, repetition_penalty=1, max_new_tokens=num_tokens)
        request, _ = self.prepare([], message, params)
        assert request is not None, "the guard has nothing to say to this message"

        async def generate() -> list[int]:
            return [token_id async for token_id in self._worker.submit(request)]

        return request.prompt_ids, asyncio.run(generate())

    def close(self, timeout: float | None = None) -> None:
        """Stop the engine; replies under way end with ``EngineStopped``. Idempotent.

        An engine that hangs is waited for ``timeout`` seconds, if given.
        """
        self._worker.close(timeout)

    def _encode_message(self, message: str, params: SamplingParams) -> list[int]:
        limit = self.max_message_tokens(params.max_new_tokens)
        if limit == 0:
            longest = self._num_positions - _FRAME - 1
            raise InvalidParams("max_new_tokens", params.max_new_tokens, f"1 到 {longest} 的整数")
        message_ids = self._encoder.encode_utterances([message])[0]
        if not message_ids:
            raise MessageEmpty
        if len(message_ids) > limit:
            raise MessageTooLong(len(message_ids), limit)
        return message_ids

    def _draft_without_model(self, reply: str, params: SamplingParams, checks: Checks) -> Draft:
        seed = params.seeded().seed
        assert seed is not None
        origin = Origin(prompt_tokens=0, history_used=0, history_dropped=0, seed=seed)
        draft = Draft(self._encoder.decode, self._guard, origin, checks=checks)
        draft.stand_in(reply)
        return draft


def token_rules(encoder: DialogueEncoder) -> TokenRules:
    """Return what a reply may be made of: ``[SEP]`` ends it, and every token is readable text."""
    table = encoder.tokenizer.get_vocab()
    unreadable = {index for token, index in table.items() if is_mark(token)}
    special = {encoder.pad_id, encoder.unk_id, encoder.cls_id, encoder.mask_id}
    return TokenRules(
        stop_ids=frozenset({encoder.sep_id}), banned_ids=frozenset(special | unreadable)
    )
