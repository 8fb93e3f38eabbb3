"""Run the model for a step: prompts, and the newest token of each reply, together."""

from collections.abc import Sequence as Listing
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from chatbot.decoding.cache import PrefixCache, RowCache
from chatbot.decoding.forward import KEYS_MULTIPLE, Batch, Forward, Span, TorchForward
from chatbot.decoding.model import Decoder
from chatbot.decoding.native.forward import NativeForward
from chatbot.decoding.native.rows import NativeRows
from chatbot.decoding.native.threads import kernels_first
from chatbot.decoding.native.vocabulary import NativeVocabulary
from chatbot.decoding.params import Precision
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import Sequence
from chatbot.decoding.vocabulary import TorchVocabulary, Vocabulary


class ModelRunner:
    """A model and the rows of keys and values it works on. Only one thread may call it.

    Attributes:
        rows: the sequences that have been prefilled and have not ended; each one's ``row`` is its
            place here.
    """

    def __init__(
        self,
        model: GPT2LMHeadModel,
        *,
        precision: Precision = "auto",
        cache_bytes: int,
        min_rows: int,
    ) -> None:
        """Make the model ready.

        Args:
            cache_bytes: what keys and values may take, half of it between turns.
            min_rows: rows there must be all the same.
        """
        self.decoder = Decoder(model, precision)
        self.max_length = self.decoder.max_length
        dtype = _cache_dtype(self.decoder)
        row_bytes = RowCache.row_bytes(model.config, dtype)
        self.num_rows = max(cache_bytes // 2 // row_bytes, min_rows)
        self.cache, self.forward, self.vocabulary = _parts(self.decoder, dtype)
        self.prefixes = PrefixCache(cache_bytes // 2, self.cache.recycle)
        self.rows: list[Sequence] = []

    @torch.inference_mode()
    def run(self, rows: range, prompts: Listing[Request]) -> Tensor:
        """Read the newest token of each of ``rows`` and the prompts; give the prompts rows.

        Returns the logits of what comes next, ``(N, V)`` float32: of the rows, then of each
        sequence of the prompts, which are the last of ``self.rows`` now.
        """
        running = [self.rows[row] for row in rows]
        ids = [sequence.output_ids[-1] for sequence in running]
        positions = [sequence.num_read for sequence in running]
        spans: list[Span] = []
        row = len(self.rows)
        self._reserve(prompts)
        for request in prompts:
            self._check_ids(request)
            past = self._restore(request, row)
            spans.append(Span(row, past, len(ids), len(ids) + len(request.prompt_ids) - past))
            ids += request.prompt_ids[past:]
            positions += range(past, len(request.prompt_ids))
            row += len(request.sequences)
        logits = self.forward(Batch(ids, positions, rows, spans))
        for request, span in zip(prompts, spans, strict=True):
            self._spread(request, span.row)
        counts = [*([1] * len(rows)), *(len(request.sequences) for request in prompts)]
        if len(logits) < sum(counts):
            logits = logits.repeat_interleave(torch.tensor(counts, device=logits.device), dim=0)
        # Last of all, so that a step that raises leaves the rows as they were.
        for sequence in (sequence for request in prompts for sequence in request.sequences):
            sequence.row = len(self.rows)
            self.rows.append(sequence)
        return logits

    def threads(self) -> AbstractContextManager[None]:
        """Return what a step is to be taken in, so that its threads do not fight for cores."""
        return nullcontext() if self.decoder.kernels is None else kernels_first()

    def run_row(self, sequence: Sequence) -> Tensor:
        """Read the newest token of one sequence alone; return its logits, ``(1, V)``."""
        assert sequence.row is not None, "it has a row"
        return self.run(range(sequence.row, sequence.row + 1), [])

    @torch.inference_mode()
    def release(self, sequence: Sequence, *, spoilt: bool = False) -> None:
        """Free a sequence's row; the last row takes its place. ``spoilt``: it may hold NaN."""
        row, last = sequence.row, self.rows.pop()
        assert row is not None, "it has a row"
        vacated = len(self.rows)
        if last is not sequence:
            self.cache.move(vacated, row, None if spoilt else last.num_read)
            self.rows[row], last.row = last, row
        if spoilt:
            self.cache.clear(vacated)
        sequence.row = None

    @torch.inference_mode()
    def keep(self, sequence: Sequence) -> None:
        """Keep what was read of a conversation for its next turn; its row must be released next."""
        assert sequence.row is not None, "it has a row"
        ids = (*sequence.prompt_ids, *sequence.output_ids)[: sequence.num_read]
        self.prefixes.keep(self.cache.give(sequence.row, ids))

    def _check_ids(self, request: Request) -> None:
        """Raise IndexError for ids that the vocabulary does not have, or for none at all.

        An accelerator that meets such an id fails for good, and an empty prompt has no last token
        whose logits would be its own.
        """
        rules, proposals = request.rules, request.proposals
        groups = [request.prompt_ids, rules.stop_ids, rules.banned_ids, *(p.ids for p in proposals)]
        known = range(self.decoder.config.vocab_size)
        unknown = [token_id for ids in groups for token_id in ids if token_id not in known]
        if unknown or not request.prompt_ids:
            raise IndexError(f"ids that the model does not have: {unknown or 'an empty prompt'}")

    def _reserve(self, prompts: Listing[Request]) -> None:
        """Have rows for prompts and positions for the longest that they may become."""
        if prompts:
            used = len(self.rows)
            needed = used + sum(len(request.sequences) for request in prompts)
            longest = max(request.max_length for request in prompts)
            self.cache.reserve(needed, self._rounded(longest), num_used=used)

    def _rounded(self, length: int) -> int:
        return min(-(-length // KEYS_MULTIPLE) * KEYS_MULTIPLE, self.max_length)

    def _restore(self, request: Request, row: int) -> int:
        """Write into a row what is kept of a prompt; return how many tokens that is."""
        found = self.prefixes.find(request.prompt_ids)
        if found is None:
            return 0
        self.cache.put(row, *found)
        return found[1]

    def _spread(self, request: Request, row: int) -> None:
        """Copy a prompt that was read into ``row`` wherever its request needs it."""
        if request.is_read_again:
            request.prompt = self.cache.take(row, request.prompt_ids)
        for number in range(1, len(request.sequences)):
            self.cache.copy(row, row + number, len(request.prompt_ids))


def _cache_dtype(decoder: Decoder) -> torch.dtype:
    is_plain = decoder.kernels is None and decoder.device.type == "cpu"
    return torch.float32 if is_plain else torch.bfloat16


def _parts(
    decoder: Decoder, dtype: torch.dtype
) -> tuple[RowCache | NativeRows, Forward, Vocabulary]:
    """Return the rows, a step over them, and what sampling asks, all for one way of computing."""
    if decoder.kernels is None:
        rows = RowCache(decoder.config, decoder.device, dtype)
        return rows, TorchForward(decoder, rows), TorchVocabulary()
    native = NativeRows(decoder.config)
    forward = NativeForward(decoder, native, decoder.kernels)
    return native, forward, NativeVocabulary(decoder.kernels)
