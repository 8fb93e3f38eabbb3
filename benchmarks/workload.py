"""The work that is timed: so many streams, so many tokens in, so many out."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from benchmarks.contender import Ids, Side


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A call of ``generate``, and how often one measurement makes it.

    Attributes:
        title: as the table names it.
        num_streams: prompts in the call.
        num_turns: utterances of the person in each prompt. All but the last were answered by the
            first contender itself, so that it may have kept what it read; a peer gets the text.
        utterance_length: tokens of each of them.
        reply_length: tokens of each answer in the prompt.
        num_new_tokens: tokens written in the timed call.
        num_calls: calls, with new prompts each, whose times are added up in one measurement.
    """

    title: str
    num_streams: int = 1
    num_turns: int = 1
    utterance_length: int = 60
    reply_length: int = 0
    num_new_tokens: int = 32
    num_calls: int = 1

    @property
    def history_length(self) -> int:
        """Tokens of a prompt before its last utterance."""
        return (self.num_turns - 1) * (self.utterance_length + self.reply_length)

    @property
    def num_positions(self) -> int:
        """Positions that a model needs for it."""
        return self.history_length + self.utterance_length + self.num_new_tokens

    @property
    def num_tokens(self) -> int:
        """New tokens of one measurement."""
        return self.num_streams * self.num_new_tokens * self.num_calls

    def prompts(self, speaker: Side, ids: range, rng: random.Random) -> list[Ids]:
        """Return new prompts of ids drawn evenly; ``speaker`` answers all turns but the last."""

        def utterances() -> list[Ids]:
            return [rng.choices(ids, k=self.utterance_length) for _ in range(self.num_streams)]

        prompts = utterances()
        for _ in range(self.num_turns - 1):
            replies = speaker.answer(prompts, self.reply_length).replies
            turns = zip(prompts, replies, utterances(), strict=True)
            prompts = [prompt + reply + utterance for prompt, reply, utterance in turns]
        return prompts


WORKLOADS: Final[Mapping[str, Workload]] = MappingProxyType(
    {
        "1": Workload(title="1 路", num_calls=4),
        "8": Workload(title="8 路", num_streams=8),
        "32": Workload(title="32 路", num_streams=32),
        "256": Workload(title="256 路", num_streams=256),
        "turn5": Workload(
            title="第五轮首个词元",
            num_turns=5,
            utterance_length=20,
            reply_length=55,
            num_new_tokens=1,
            num_calls=4,
        ),
    }
)
