"""From a row of logits to the next token.

The order is that of transformers' ``generate``: repetition penalty, no-repeat n-gram, banned ids,
temperature, top-k, top-p, draw. Rows are ``(V,)`` float32; each function returns a new one.
"""

import math

import torch

from chatbot.decoding.sequence import Sequence

_NEVER = -torch.inf
_FIRST_CANDIDATES = 256


@torch.inference_mode()
def sample(logits: torch.Tensor, sequence: Sequence) -> int:
    """Return the next token of a sequence, drawn with its own generator.

    Raises:
        ValueError: the logits hold NaN or infinity, or the rules leave no token to choose.
    """
    params = sequence.params
    row = penalise_repetition(logits, sequence.context_ids, params.repetition_penalty)
    row = ban_repeated_ngrams(row, sequence.context_ids, params.no_repeat_ngram)
    row = ban(row, sequence.forbidden_ids)
    token_id = int(row.argmax())  # NaN counts as the largest
    if not math.isfinite(row[token_id]):
        raise ValueError(
            "no token can be chosen: the model's output is not finite, or all is banned"
        )
    if params.is_greedy:
        return token_id
    row = (row - row[token_id]) / params.temperature  # shifted first, so nothing overflows
    row = keep_top_p(keep_top_k(row, params.top_k), params.top_p)
    return draw(row, sequence.generator)


def penalise_repetition(
    logits: torch.Tensor, context_ids: torch.Tensor, penalty: float
) -> torch.Tensor:
    """Make tokens of the context less likely: divide positive logits, multiply negative ones."""
    if penalty == 1:
        return logits
    scores = logits[context_ids]
    scores = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits.scatter(0, context_ids, scores)


def ban_repeated_ngrams(logits: torch.Tensor, context_ids: torch.Tensor, size: int) -> torch.Tensor:
    """Ban every token that would make an n-gram of ``size`` come twice; 0 bans none."""
    if size == 0 or len(context_ids) < size:
        return logits
    ngrams = context_ids.unfold(0, size, 1)  # (T - size + 1, size)
    begun = context_ids[len(context_ids) - size + 1 :]  # (size - 1,)
    repeats = (ngrams[:, :-1] == begun).all(dim=1)
    return logits.index_fill(0, ngrams[repeats, -1], _NEVER)


def ban(logits: torch.Tensor, ids: list[int]) -> torch.Tensor:
    """Make ids impossible."""
    return logits.index_fill(0, torch.tensor(ids, dtype=torch.long), _NEVER)


def keep_top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """Keep the ``k`` largest logits, and any equal to the smallest of them; 0 keeps all."""
    if k == 0 or k >= len(logits):
        return logits
    return logits.masked_fill(logits < logits.topk(k).values[-1], _NEVER)


def keep_top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Keep the likeliest tokens, each as long as those before it have less than ``p`` together.

    A few hundred candidates hold the nucleus as a rule; sorting all V is ten times the work.
    """
    if p == 1:
        return logits
    probs = logits.softmax(dim=0)
    num_candidates = min(_FIRST_CANDIDATES, len(probs))
    while True:
        top = probs.topk(num_candidates)
        total = top.values.cumsum(dim=0)
        if total[-1] >= p or num_candidates == len(probs):
            break
        num_candidates = min(4 * num_candidates, len(probs))
    kept = top.indices[(total - top.values) < p]
    return torch.full_like(logits, _NEVER).scatter(0, kept, logits[kept])


def draw(logits: torch.Tensor, generator: torch.Generator) -> int:
    """Draw a token with probability softmax(logits), from one uniform number.

    Inverting the cumulative distribution costs one random number whatever the vocabulary, and
    tiny differences of the logits rarely change the outcome.
    """
    cumulative = logits.softmax(dim=0).cumsum(dim=0, dtype=torch.float64)
    uniform = torch.rand(1, dtype=torch.float64, generator=generator)
    # ``right``: the first token whose cumulative probability exceeds the point, hence never one of
    # probability zero. The point is below the whole: ``uniform`` is at most 1 - 2**-53.
    return int(torch.searchsorted(cumulative, uniform * cumulative[-1], right=True))
