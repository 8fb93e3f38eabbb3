"""Which of several replies to send.

A proposal is worth what is known of its fitting, 0 to 1; somebody wrote it, so its likelihood adds
nothing. On the same scale stands what was sampled, by log P(reply | prompt) - λ log P(reply) per
token: likely here, and not likely anywhere, as "我也不知道" is (maximum mutual information: Li et
al. 2016, "A Diversity-Promoting Objective Function"; DialoGPT ranks so with a second model, here
the same one reads the reply without the prompt). The weights of both were fitted to 45,000 ratings
(``training/ranking``). Repeating one's own words or the partner's costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, kw_only=True)
class RankingWeights:
    """What counts how much.

    Attributes:
        sampled: what a sampled reply is worth beside a proposal of prior 0.
        likely: for each nat a token of log P(reply | prompt) - λ log P(reply), if sampled.
        mmi: λ.
        repeat: for a reply all of whose bigrams stand in one earlier reply of the bot.
        loop: for a reply all of whose bigrams are one and the same.
        echo: for a reply all of whose bigrams stand in the message that it answers.
        quoted: for each nat a token of log P(quote | prompt) - λ log P(quote), on the scale of
            ``quoting.py``.
        quote_floor: what a quote must be worth there.
        recall: for a reply all of whose bigrams stand in one earlier message of the partner and
            not in the one that it answers: it looks back at what was told.
    """

    sampled: float = 0.34
    likely: float = 0.041
    mmi: float = 0.76
    repeat: float = 0.8
    loop: float = 0.8
    echo: float = 0.4
    quoted: float = 2.0
    quote_floor: float = 2.5
    recall: float = 4.0


@dataclass(frozen=True)
class Scored:
    """A reply to be ranked.

    Attributes:
        ids: without a stop id.
        has_stop: whether a stop id belongs to it, which then counts as a token.
        prior: see ``Proposal``; ``None`` for a sampled reply.
        log_prob: natural log P(reply | prompt), the stop id's included; of a sampled reply.
        log_prob_alone: the same without the prompt.
    """

    ids: tuple[int, ...]
    has_stop: bool = True
    prior: float | None = None
    log_prob: float = 0.0
    log_prob_alone: float = 0.0


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
    """Return what a reply is worth; 1 is a proposal that is known to fit."""
    if reply.prior is not None:
        gain = reply.prior
    else:
        num_tokens = max(len(reply.ids) + reply.has_stop, 1)
        apt = (reply.log_prob - weights.mmi * reply.log_prob_alone) / num_tokens
        gain = weights.sampled + weights.likely * apt
    own = [overlap(reply.ids, utterance) for utterance in utterances[-2::-2]]
    echo = overlap(reply.ids, utterances[-1]) if utterances else 0.0
    told = [overlap(reply.ids, utterance) for utterance in utterances[-3::-2]]
    recall = weights.recall * max(max(told, default=0.0) - echo, 0.0)
    penalty = weights.repeat * max(own, default=0.0) + weights.echo * echo
    penalty += weights.loop * looping(reply.ids)
    return gain - penalty + recall


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
