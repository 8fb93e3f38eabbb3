"""How a dialogue becomes ids, for training and serving alike: ``[CLS] u1 [SEP] u2 [SEP] …``.

The form is GPT2-chitchat's. Utterances alternate; the person speaks first, so the bot's are the
second, the fourth, …; the model writes until it closes its utterance with ``[SEP]``.
"""

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
        the even voice. ``message`` is ids and must fit by itself.
        """
        assert len(history) % 2 == 0, "history holds whole turns"
        earlier = self.encode_utterances(history)
        room = budget - len(self.join([list(message)]))
        assert room >= 0, "the caller checks the message's length"
        start = len(earlier)
        while start >= 2:
            needed = len(earlier[start - 2]) + len(earlier[start - 1]) + 2
            if needed > room:
                break
            room -= needed
            start -= 2
        return Prompt(self.join([*earlier[start:], list(message)]), len(earlier) - start, start)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of one utterance's ids."""
        return decode_ids(self.tokenizer, ids)


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
