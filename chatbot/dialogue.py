"""How a dialogue becomes ids, for training and serving alike: ``[CLS] u1 [SEP] u2 [SEP] …``.

The form is GPT2-chitchat's. Utterances alternate; the person speaks first, so the bot's are the
second, the fourth, …; the model writes until it closes its utterance with ``[SEP]``.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import BertTokenizerFast

from vocab.wordpiece import decode_ids, encode_texts

Ids = list[int]


@dataclass(frozen=True)
class Prompt:
    """A prompt that leaves room for the reply, and what of the history it holds.

    Attributes:
        ids: ``[CLS] u1 [SEP] … message [SEP]``.
        history_used: earlier utterances in the prompt.
        history_dropped: earlier utterances left out for lack of room.
    """

    ids: Ids
    history_used: int
    history_dropped: int


class DialogueEncoder:
    """The only way from utterances to ids and back."""

    def __init__(self, tokenizer: BertTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.pad_id: int = tokenizer.pad_token_id
        self.unk_id: int = tokenizer.unk_token_id
        self.cls_id: int = tokenizer.cls_token_id
        self.sep_id: int = tokenizer.sep_token_id
        self.mask_id: int = tokenizer.mask_token_id

    def encode_utterances(self, utterances: Sequence[str]) -> list[Ids]:
        """Return the ids of each utterance, without any special token."""
        return encode_texts(self.tokenizer, utterances)

    def join(self, utterances: Sequence[Ids]) -> Ids:
        """Return ``[CLS] u1 [SEP] u2 [SEP] …`` for utterances that are ids already."""
        ids = [self.cls_id]
        for utterance in utterances:
            ids += utterance
            ids.append(self.sep_id)
        return ids

    def encode(self, utterances: Sequence[str]) -> Ids:
        """Return the ids of a whole dialogue."""
        return self.join(self.encode_utterances(utterances))

    def encode_prompt(self, history: Sequence[str], message: Sequence[int], budget: int) -> Prompt:
        """Return the prompt for a reply, oldest turns left out so that it has ``budget`` ids.

        A turn (the person's utterance and the bot's) is kept or dropped whole, so the bot stays
        the even voice. Turns are dropped a quarter of the budget at a time: while a conversation
        grows, most of its prompts then begin like the one before, whose keys and values a decoder
        may still hold. ``message`` is ids and must fit by itself.
        """
        assert len(history) % 2 == 0, "history holds whole turns"
        earlier = self.encode_utterances(history)
        room = budget - len(self.join([list(message)]))
        assert room >= 0, "the caller checks the message's length"
        sizes = [len(u) + len(v) + 2 for u, v in zip(earlier[::2], earlier[1::2], strict=True)]
        start = 2 * _first_kept(sizes, room, step=max(budget // 4, 1))
        return Prompt(self.join([*earlier[start:], list(message)]), len(earlier) - start, start)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of one utterance's ids."""
        return decode_ids(self.tokenizer, ids)


def _first_kept(sizes: Sequence[int], room: int, *, step: int) -> int:
    """Return the first item to keep of ``sizes``, so that the rest together fit ``room``.

    What is dropped reaches a multiple of ``step``, unless all would have to go.
    """
    surplus = sum(sizes) - room
    if surplus <= 0:
        return 0
    dropped = list(itertools.accumulate(sizes))
    for wanted in (-(-surplus // step) * step, surplus):
        kept = next((k for k, total in enumerate(dropped, start=1) if total >= wanted), None)
        if kept is not None and kept < len(sizes):
            return kept
    return len(sizes)


def windows(lengths: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Cut a dialogue into windows of whole turns, each at most ``limit`` ids once joined.

    Args:
        lengths: ids of each utterance, specials not counted.
        limit: ids a window may have, ``[CLS]`` and every ``[SEP]`` counted.

    Returns:
        ``(start, stop)`` utterance ranges in order; every start is even, so the bot keeps its
        voice. A turn longer than the limit by itself belongs to no window.
    """
    ranges: list[tuple[int, int]] = []
    start, total = 0, 1
    for turn in range(0, len(lengths), 2):
        stop = min(turn + 2, len(lengths))
        size = sum(lengths[turn:stop]) + stop - turn
        if total + size > limit:
            if turn > start:
                ranges.append((start, turn))
            start, total = turn, 1
            if 1 + size > limit:
                start = stop
                continue
        total += size
    if start < len(lengths):
        ranges.append((start, len(lengths)))
    return ranges


def is_mark(token: str) -> bool:
    """Whether a pretrained table's entry is a mark rather than text: ``[unused1]``, bare ``##``."""
    return token == "##" or (token.startswith("[unused") and token.endswith("]"))
