"""Score the replies that a request could have, and choose one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chatbot.decoding import ranking
from chatbot.decoding.cache import Prefix
from chatbot.decoding.model import Decoder
from chatbot.decoding.ranking import RankingWeights, Scored, rank, split_utterances
from chatbot.decoding.reading import log_probs
from chatbot.decoding.request import Request


@dataclass(frozen=True)
class Candidate:
    """A reply that could be sent; the fields are those of ``Scored``."""

    ids: tuple[int, ...]
    has_stop: bool = True
    prior: float = 0.0


def choose(decoder: Decoder, request: Request, weights: RankingWeights) -> None:
    """Finish a request whose replies have all ended with the best that is accepted.

    One that is worth less, or known to fit less, than the request's fallback asks gives way to that.
    """
    assert request.prompt is not None, "it is kept while replies are to be ranked"
    stop_id = min(request.rules.stop_ids)
    replies = score(decoder, request.prompt, _candidates(request), stop_id)
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
        request.choose(list(fallback.ids), "stop")
    else:
        request.choose(list(reply.ids), "stop" if reply.has_stop else "length")


def score(
    decoder: Decoder, prompt: Prefix, candidates: Sequence[Candidate], stop_id: int
) -> list[Scored]:
    """Read every candidate twice: behind the prompt, and alone."""
    whole = [[*item.ids, *([stop_id] if item.has_stop else [])] for item in candidates]
    likely = log_probs(decoder, whole, prompt.ids[-1], prompt)
    alone = log_probs(decoder, whole, prompt.ids[0], None)
    return [
        Scored(item.ids, item.has_stop, log_prob, log_prob_alone, item.prior)
        for item, log_prob, log_prob_alone in zip(candidates, likely, alone, strict=True)
    ]


def _candidates(request: Request) -> list[Candidate]:
    """Return what was sampled and what was proposed; equal ones once."""
    found: dict[tuple[int, ...], Candidate] = {}
    for sequence in request.sequences:
        ids = tuple(sequence.output_ids)
        found.setdefault(ids, Candidate(ids, sequence.stop_reason == "stop"))
    for proposal in request.proposals:
        found[proposal.ids] = Candidate(proposal.ids, prior=proposal.prior)
    return list(found.values())
