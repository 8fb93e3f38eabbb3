"""Score the replies that a request could have, and choose one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chatbot.decoding import ranking
from chatbot.decoding.cache import Prefix
from chatbot.decoding.model import Decoder
from chatbot.decoding.quoting import best_quote
from chatbot.decoding.ranking import RankingWeights, Scored, rank, split_utterances
from chatbot.decoding.reading import last_state, log_probs
from chatbot.decoding.request import FinishReason, Proposal, Request


@dataclass(frozen=True)
class Candidate:
    """A sampled reply; the fields are those of ``Scored``."""

    ids: tuple[int, ...]
    has_stop: bool = True


def choose(
    decoder: Decoder, request: Request, weights: RankingWeights
) -> tuple[list[int], FinishReason]:
    """Return the best accepted reply of a request whose replies have all ended, and how it ends.

    A quote of what is asked for goes before all others. A reply that is worth less than the
    request's fallback asks gives way to that.
    """
    assert request.prompt is not None, "it is kept while replies are to be ranked"
    if quote := best_quote(decoder, request, weights):
        return list(quote.ids), "stop"
    stop_id = min(request.rules.stop_ids)
    sampled = score(decoder, request.prompt, _sampled(request), stop_id)
    proposed = [Scored(item.ids, prior=item.prior) for item in _proposed(decoder, request)]
    replies = list({item.ids: item for item in [*sampled, *proposed]}.values())
    utterances = split_utterances(request.prompt_ids, request.rules.stop_ids)
    if not request.looks_back:
        weights = replace(weights, recall=0.0)
    order = rank(replies, utterances, weights)
    accept = request.accept or (lambda _ids: True)
    best = next((place for place in order if accept(list(replies[place].ids))), order[0])
    reply = replies[best]
    fallback = request.fallback
    worth = ranking.score(reply, utterances, weights)
    if fallback is not None and fallback.is_better(worth, reply.prior):
        return list(fallback.ids), "stop"
    return list(reply.ids), "stop" if reply.has_stop else "length"


def score(
    decoder: Decoder, prompt: Prefix, sampled: Sequence[Candidate], stop_id: int
) -> list[Scored]:
    """Read every sampled reply twice: behind the prompt, and alone."""
    whole = [[*item.ids, *([stop_id] if item.has_stop else [])] for item in sampled]
    likely = log_probs(decoder, whole, prompt.ids[-1], prompt)
    alone = log_probs(decoder, whole, prompt.ids[0], None)
    return [
        Scored(item.ids, item.has_stop, log_prob=log_prob, log_prob_alone=log_prob_alone)
        for item, log_prob, log_prob_alone in zip(sampled, likely, alone, strict=True)
    ]


def _sampled(request: Request) -> list[Candidate]:
    """Return what was sampled, equal replies once."""
    found: dict[tuple[int, ...], Candidate] = {}
    for sequence in request.sequences:
        ids = tuple(sequence.output_ids)
        found.setdefault(ids, Candidate(ids, sequence.stop_reason == "stop"))
    return list(found.values())


def _proposed(decoder: Decoder, request: Request) -> list[Proposal]:
    """Return what was proposed, and what is found now."""
    if request.find is None:
        return list(request.proposals)
    assert request.prompt is not None, "it is kept while replies are to be ranked"
    room = decoder.max_length - len(request.prompt_ids)
    found = request.find(last_state(decoder, request.prompt))
    return [*request.proposals, *(item for item in found if len(item.ids) <= room)]
