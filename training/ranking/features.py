"""What ranking knows of a rated reply, computed by the code that serves."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatbot.checkpoint import Checkpoint
from chatbot.decoding.engine import Engine
from chatbot.decoding.reading import last_state, log_probs, read
from chatbot.dialogue import DialogueEncoder
from chatbot.known import KnownReplies
from training.ranking.ratings import Rated

NAMES = ("sampled", "likely", "anywhere", "words", "state")
SAMPLED, LIKELY, ANYWHERE, WORDS, STATE = range(len(NAMES))


@dataclass(frozen=True)
class Judged:
    """A rated conversation as numbers.

    Attributes:
        features: (R, 5) of its replies: for a sampled one 1, and log P behind the prompt and alone
            per token; for a known one how like its place is to this one in words and in the
            model's state.
        ratings: (R,).
        is_first: whether nothing was said before the message.
    """

    features: NDArray[np.float32]
    ratings: NDArray[np.int64]
    is_first: bool


class Judge:
    """Computes features of rated replies with one checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._encoder = DialogueEncoder(checkpoint.tokenizer)
        self._runner = Engine(checkpoint.model).runner
        self._known = KnownReplies(checkpoint.known, checkpoint.states)
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, item in enumerate(checkpoint.known):
            self._places[item.reply].append(place)

    def judge(self, item: Rated) -> Judged | None:
        """Return a conversation's numbers; None where it does not fit the model."""
        with self._runner.threads():
            return self._judge(item)

    def _judge(self, item: Rated) -> Judged | None:
        encoder, decoder = self._encoder, self._runner.decoder
        *history, message = item.utterances
        replies = [[*ids, encoder.sep_id] for ids in encoder.encode_utterances(item.replies)]
        (message_ids,) = encoder.encode_utterances([message])
        room = decoder.max_length - max(map(len, replies))
        if len(message_ids) + 2 > room:
            return None
        prompt = read(decoder, encoder.encode_prompt(history, message_ids, room).ids)
        words, state = self._known.alike(message, last_state(decoder, prompt).cpu().numpy())
        rows = np.zeros((len(replies), len(NAMES)), np.float32)
        sampled: list[int] = []
        for number, text in enumerate(item.replies):
            if places := self._places.get(text):
                best = max(places, key=lambda place: words[place] + state[place])
                rows[number, [WORDS, STATE]] = words[best], state[best]
            else:
                sampled.append(number)
        if sampled:
            ids = [replies[number] for number in sampled]
            lengths = np.array([len(one) for one in ids])
            rows[sampled, SAMPLED] = 1
            rows[sampled, LIKELY] = log_probs(decoder, ids, prompt.ids[-1], prompt) / lengths
            rows[sampled, ANYWHERE] = log_probs(decoder, ids, prompt.ids[0], None) / lengths
        ratings = np.array(item.ratings, np.int64)
        return Judged(rows, ratings, not history)


def judge_all(checkpoint: Checkpoint, items: Sequence[Rated]) -> list[Judged]:
    """Return the numbers of every conversation that fits the model."""
    judge = Judge(checkpoint)
    return [found for item in items if (found := judge.judge(item)) is not None]
