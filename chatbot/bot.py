"""The bot: the whole serving line, from what was said to the reply that leaves.

history + message → ids, trimmed to fit → engine → text → safety → pieces of the reply

With several candidates, known replies to like messages are proposed beside what the model samples,
and only what is safe may be chosen.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from chatbot.checkpoint import GENERATION, Checkpoint, load_checkpoint
from chatbot.classifier import load_classifier
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import (
    CACHE_BYTES,
    MAX_WAITING,
    NUM_SLOTS,
    RANGES,
    Precision,
    SamplingParams,
)
from chatbot.decoding.request import Proposal, Request
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.worker import Worker
from chatbot.dialogue import DialogueEncoder
from chatbot.errors import CheckpointError, InvalidParams, MessageEmpty, MessageTooLong
from chatbot.generation import Draft, Generation, Origin, Reply
from chatbot.known import KnownReplies, Match
from chatbot.safety.guard import Guard

__all__ = ["Bot", "Generation", "Reply", "token_rules"]

_NUM_PROPOSALS = 24
_RETORT_FITS = 0.6  # how like the message a retort's occasion is taken to be
_TRUST = 0.5  # prior of a reply that people wrote, before it is known how like the message is
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
    ) -> None:
        """Take a checkpoint over.

        Args:
            num_slots, max_waiting, precision, cache_bytes: as the engine takes them.
            use_known: propose the checkpoint's known replies, if it has any.
            guard: at both doors; by default over our lexicon and the operator's.

        Raises:
            LexiconError: the operator's lexicon cannot be read.
        """
        self.name = str(checkpoint.manifest["name"])
        self.defaults = _defaults(checkpoint)
        self._encoder = DialogueEncoder(checkpoint.tokenizer)
        self._rules = token_rules(self._encoder)
        self._guard = guard or Guard.configured()
        self._known = KnownReplies(checkpoint.known if use_known else ())
        engine = Engine(
            checkpoint.model,
            num_slots=num_slots,
            max_waiting=max_waiting,
            precision=precision,
            cache_bytes=cache_bytes,
        )
        self._num_positions = engine.max_length
        self._worker = Worker(engine, num_threads=_spare_cores())

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
    ) -> "Bot":
        """Load a checkpoint folder; takes seconds.

        Args:
            judge: the folder of a classifier that judges whole replies on their way out, so that
                even a single candidate leaves all at once; None: the lexicon alone decides.

        Raises:
            CheckpointError: a folder is missing, corrupt, or does not fit together.
            LexiconError: the operator's lexicon cannot be read.
        """
        classifier = load_classifier(judge) if judge is not None else None
        threshold = classifier.threshold if classifier is not None else 1.0
        return cls(
            load_checkpoint(folder),
            num_slots=num_slots,
            max_waiting=max_waiting,
            use_known=use_known,
            precision=precision,
            cache_bytes=cache_bytes,
            guard=Guard.configured(classifier, threshold),
        )

    @property
    def guard(self) -> Guard:
        """What decides at both doors."""
        return self._guard

    def max_message_tokens(self, max_new_tokens: int) -> int:
        """Return how many tokens a message can have beside a reply of ``max_new_tokens``.

        A Chinese character is at most one token.
        """
        return max(0, self._num_positions - max_new_tokens - _FRAME)

    def start(self, history: Sequence[str], message: str, params: SamplingParams) -> Generation:
        """Begin the reply to a message; returns at once.

        Args:
            history: earlier utterances, oldest first, the person's first, an even number. The
                oldest turns are left out when prompt and reply would not fit together.

        Raises:
            MessageEmpty, MessageTooLong: the message cannot be answered.
            InvalidParams: ``max_new_tokens`` leaves this model no room for any message.
            QueueFull: too many replies are under way.
            EngineStopped: the bot is closed.
        """
        request, draft = self.prepare(history, message, params)
        return Generation(draft, self._worker.submit(request) if request is not None else None)

    def prepare(
        self, history: Sequence[str], message: str, params: SamplingParams
    ) -> tuple[Request | None, Draft]:
        """Return a reply's request (None: the guard answers) and its draft; raises as ``start``."""
        message_ids = self._encode_message(message, params)
        if kind_reply := self._guard.check_input(message):
            return None, self._draft_without_model(kind_reply, params)
        budget = self._num_positions - params.max_new_tokens
        prompt = self._encoder.encode_prompt(history, message_ids, budget)
        params = params.seeded()
        request = Request(
            prompt.ids,
            params,
            self._rules,
            proposals=self._proposals(history, message, params),
            accept=self._is_safe,
        )
        origin = Origin(
            prompt_tokens=len(prompt.ids),
            history_used=prompt.history_used,
            history_dropped=prompt.history_dropped,
            seed=request.seed,
        )
        return request, Draft(self._encoder.decode, self._guard, origin)

    def warm_up(self) -> None:
        """Generate a few tokens for real; blocks, and not to be called on an event loop.

        Raises:
            GenerationFailed: the model does not work.
        """

        async def generate() -> None:
            await self.start([], "你好", _WARM_UP).wait()

        asyncio.run(generate())

    def close(self) -> None:
        """Stop the engine; replies under way end with ``EngineStopped``. Idempotent."""
        self._worker.close()

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

    def _proposals(
        self, history: Sequence[str], message: str, params: SamplingParams
    ) -> list[Proposal]:
        """Return known replies to be ranked beside the sampled ones; a single one streams."""
        if params.candidates == 1:
            return []
        assert params.seed is not None
        known = self._known.propose(history, message, count=_NUM_PROPOSALS, seed=params.seed)
        retorts = [reply for reply in self._guard.retorts(message) if reply not in history]
        known += [Match(reply, _RETORT_FITS) for reply in retorts]
        ids = self._encoder.encode_utterances([item.reply for item in known])
        return [
            Proposal(tuple(reply), _TRUST + (1 - _TRUST) * item.similarity)
            for reply, item in zip(ids, known, strict=True)
            if 0 < len(reply) <= params.max_new_tokens and self._encoder.unk_id not in reply
        ]

    def _is_safe(self, ids: list[int]) -> bool:
        return self._guard.check_output(self._encoder.decode(ids))

    def _draft_without_model(self, kind_reply: str, params: SamplingParams) -> Draft:
        seed = params.seeded().seed
        assert seed is not None
        origin = Origin(prompt_tokens=0, history_used=0, history_dropped=0, seed=seed)
        draft = Draft(self._encoder.decode, self._guard, origin)
        draft.stand_in(kind_reply)
        return draft


def token_rules(encoder: DialogueEncoder) -> TokenRules:
    """Return what a reply may be made of: ``[SEP]`` ends it, and every token is readable text."""
    table = encoder.tokenizer.get_vocab()
    unreadable = {index for token, index in table.items() if _is_unreadable(token)}
    special = {encoder.pad_id, encoder.unk_id, encoder.cls_id, encoder.mask_id}
    return TokenRules(
        stop_ids=frozenset({encoder.sep_id}), banned_ids=frozenset(special | unreadable)
    )


def _is_unreadable(token: str) -> bool:
    """Whether a pretrained table's entry is a mark rather than text: ``[unused1]``, bare ``##``."""
    return token == "##" or (token.startswith("[unused") and token.endswith("]"))


def _defaults(checkpoint: Checkpoint) -> SamplingParams:
    file = checkpoint.folder / GENERATION
    for name in checkpoint.generation:
        if name not in RANGES:
            raise CheckpointError(f"{file}: 没有 {name} 这个参数；可用的是 {'、'.join(RANGES)}")
    try:
        return SamplingParams(**checkpoint.generation)
    except InvalidParams as error:
        raise CheckpointError(f"{file}: {error}；请改正或删去这一项") from None


def _spare_cores() -> int:
    """Return all cores but one, which the event loop needs.

    The threads of a product wait for each other: one that does not get its core makes the rest
    spin, and a step takes ten times as long as on a core less.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    num_cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, num_cores - 1)
