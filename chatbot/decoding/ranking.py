"""Which of several replies to send.

A reply is worth log P(reply | prompt) - λ log P(reply), per token: likely here, and not likely
anywhere, as "我也不知道" is (maximum mutual information: Li et al. 2016, "A Diversity-Promoting
Objective Function"; DialoGPT ranks so with a second model, here the same one reads the reply
without the prompt). Repeating one's own words or the partner's costs; a proposal's prior counts
for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class RankingWeights:
    """What counts how much; scores are nats a token.

    Attributes:
        mmi: λ, the weight of log P(reply).
        mmi_proposed: the same of a proposal. Somebody wrote it, so all that is asked is whether it
            belongs here; of what was sampled, likelihood also tells that it is well formed.
        repeat: for a reply all of whose bigrams stand in one earlier reply of the bot.
        loop: for a reply all of whose bigrams are one and the same.
        echo: for a reply all of whose bigrams stand in the message that it answers.
        recall: for a reply all of whose bigrams stand in one earlier message of the partner and
            not in the one that it answers: it looks back at what was told.
        prior: for a proposal of prior 1.
    """

    mmi: float = 0.4
    mmi_proposed: float = 0.7
    repeat: float = 2.0
    loop: float = 2.0
    echo: float = 1.0
    recall: float = 5.0
    prior: float = 4.0


@dataclass(frozen=True)
class Scored:
    """A reply to be ranked.

    Attributes:
        ids: without a stop id.
        has_stop: whether a stop id belongs to it, which then counts as a token.
        log_prob: natural log P(reply | prompt), the stop id's included.
        log_prob_alone: the same without the prompt.
        prior: see ``Proposal``; 0 for a sampled reply.
    """

    ids: tuple[int, ...]
    has_stop: bool
    log_prob: float
    log_prob_alone: float
    prior: float = 0.0


def rank(
    replies: Sequence[Scored], utterances: Sequence[Sequence[int]], weights: RankingWeights
) -> list[int]:
    """Return the places of ``replies`` from the best to the worst; equal ones keep their order.

    Args:
        utterances: what the prompt holds, oldest first, the partner's last.
    """
    scores = [score(reply, utterances, weights) for reply in replies]
    return sorted(range(len(replies)), key=lambda place: -scores[place])


def score(reply: Scored, utterances: Sequence[Sequence[int]], weights: RankingWeights) -> float:
    """Return what a reply is worth, in nats a token."""
    num_tokens = max(len(reply.ids) + reply.has_stop, 1)
    mmi = weights.mmi_proposed if reply.prior else weights.mmi
    gain = (reply.log_prob - mmi * reply.log_prob_alone) / num_tokens
    own = [overlap(reply.ids, utterance) for utterance in utterances[-2::-2]]
    echo = overlap(reply.ids, utterances[-1]) if utterances else 0.0
    told = [overlap(reply.ids, utterance) for utterance in utterances[-3::-2]]
    recall = weights.recall * max(max(told, default=0.0) - echo, 0.0)
    penalty = weights.repeat * max(own, default=0.0) + weights.echo * echo
    penalty += weights.loop * looping(reply.ids)
    return gain - penalty + recall + weights.prior * reply.prior


def overlap(reply: Sequence[int], other: Sequence[int]) -> float:
    """Return the share of the reply's bigrams that stand in ``other``, 0 to 1."""
    bigrams = _bigrams(reply)
    return len(bigrams & _bigrams(other)) / len(bigrams) if bigrams else float(reply == other)


def looping(reply: Sequence[int]) -> float:
    """Return the share of the reply's bigrams that it had before, 0 to 1."""
    num_bigrams = len(reply) - 1
    return 1 - len(_bigrams(reply)) / num_bigrams if num_bigrams > 0 else 0.0


def _bigrams(ids: Sequence[int]) -> set[tuple[int, int]]:
    return set(pairwise(ids))


def split_utterances(prompt_ids: Sequence[int], stop_ids: frozenset[int]) -> list[tuple[int, ...]]:
    """Return the utterances of a prompt, oldest first: what stands before each stop id.

    The id that opens the prompt is left out.
    """
    utterances: list[tuple[int, ...]] = []
    current: list[int] = []
    for token_id in prompt_ids[1:]:
        if token_id in stop_ids:
            utterances.append(tuple(current))
            current = []
        else:
            current.append(token_id)
    return utterances
