"""From rows of logits to the next token of each row.

The order is that of transformers' ``generate``: repetition penalty, no-repeat n-gram, banned ids,
temperature, top-k, top-p, min-p, draw. All rows are sampled at once, each with its own parameters
and its own random numbers; no row looks at another.
"""

from collections.abc import Sequence as Listing
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from chatbot.decoding.sequence import Sequence
from chatbot.decoding.vocabulary import TorchVocabulary, Vocabulary

NO_TOKEN = -1
_NEVER = -torch.inf
_FIRST_CANDIDATES = 256
_TORCH = TorchVocabulary()


@torch.inference_mode()
def sample(
    logits: Tensor, sequences: Listing[Sequence], vocabulary: Vocabulary = _TORCH
) -> list[int]:
    """Return the next token of each sequence for logits ``(N, V)`` float32, which are changed.

    ``NO_TOKEN`` stands for none: the logits hold NaN or infinity, or the rules leave nothing.
    """
    penalise_repetition(logits, sequences)
    for row, sequence in enumerate(sequences):
        ban_repeated_ngrams(logits[row], sequence)
    ban(logits, sequences)
    is_possible = logits.amax(dim=1).isfinite().tolist()  # NaN counts as the largest
    found = [NO_TOKEN] * len(sequences)
    possible = [row for row in range(len(sequences)) if is_possible[row]]
    greedy = [row for row in possible if sequences[row].params.is_greedy]
    if greedy:
        for row, token_id in zip(greedy, _rows(logits, greedy).argmax(dim=1).tolist(), strict=True):
            found[row] = token_id
    drawn = [row for row in possible if not sequences[row].params.is_greedy]
    chosen = [sequences[row] for row in drawn]
    for row, token_id in zip(drawn, draw(_rows(logits, drawn), chosen, vocabulary), strict=True):
        found[row] = token_id
    return found


def penalise_repetition(logits: Tensor, sequences: Listing[Sequence]) -> None:
    """Make tokens of the context less likely: divide positive logits, multiply negative ones.

    CTRL (Keskar et al. 2019).
    """
    rows = [row for row, s in enumerate(sequences) if s.params.repetition_penalty != 1]
    if not rows:
        return
    chosen = [sequences[row] for row in rows]
    contexts = np.empty((len(rows), max(sequence.num_tokens for sequence in chosen)), np.int64)
    for context, sequence in zip(contexts, chosen, strict=True):
        context[: sequence.num_tokens] = sequence.context_ids
        context[sequence.num_tokens :] = sequence.prompt_ids[0]  # once more: nothing changes
    ids = torch.from_numpy(contexts).to(logits.device)
    penalties = logits.new_tensor([[s.params.repetition_penalty] for s in chosen])
    scores = logits[rows].gather(1, ids)
    scores = torch.where(scores < 0, scores * penalties, scores / penalties)
    logits[torch.tensor(rows, device=logits.device)[:, None], ids] = scores


def ban_repeated_ngrams(row: Tensor, sequence: Sequence) -> None:
    """Ban every token that would make an n-gram of context come twice; a size of 0 bans none."""
    size = sequence.params.no_repeat_ngram
    context = sequence.context_ids
    if size == 0 or len(context) < size:
        return
    ngrams = np.lib.stride_tricks.sliding_window_view(context, size)  # (T - size + 1, size)
    begun = context[len(context) - size + 1 :]  # (size - 1,)
    repeats = ngrams[(ngrams[:, :-1] == begun).all(axis=1), -1]
    row[torch.from_numpy(repeats.copy())] = _NEVER


def ban(logits: Tensor, sequences: Listing[Sequence]) -> None:
    """Make banned ids impossible, and the stop ids where a reply has not begun."""
    for rules in {sequence.rules for sequence in sequences}:
        rows = [row for row, s in enumerate(sequences) if s.rules == rules]
        banned = _ids(rules.banned_ids)
        if len(rows) == len(logits):
            logits[:, banned] = _NEVER
        else:
            logits[torch.tensor(rows)[:, None], banned] = _NEVER
        first = [row for row in rows if not sequences[row].output_ids]
        logits[torch.tensor(first, dtype=torch.long)[:, None], _ids(rules.stop_ids)] = _NEVER


def draw(
    logits: Tensor, sequences: Listing[Sequence], vocabulary: Vocabulary = _TORCH
) -> list[int]:
    """Draw a token of each row of ``logits`` (N, V), whose largest are finite.

    Top-k keeps the k likeliest. Top-p keeps those, likeliest first, before which less than p has
    gathered (Holtzman et al. 2020). Min-p keeps what has at least that share of the likeliest
    one's probability (Nguyen et al. 2024). One uniform number inverts the cumulative distribution
    of what is left, whatever the vocabulary.
    """
    size = logits.shape[1]
    drawn = [NO_TOKEN] * len(sequences)
    # Which of equal logits come first depends on how many are looked at: that is each row's own
    # affair, or a neighbour's top-k would choose among them.
    waiting: dict[int, list[int]] = {}
    for row, sequence in enumerate(sequences):
        width = min(sequence.params.top_k or _FIRST_CANDIDATES, size)
        waiting.setdefault(width, []).append(row)
    while waiting:
        width, rows = waiting.popitem()
        rows.sort()
        chosen = [sequences[row] for row in rows]
        found = _draw_among(_rows(logits, rows), chosen, width, vocabulary)
        for row, token_id in zip(rows, found, strict=True):
            drawn[row] = token_id
            if token_id == NO_TOKEN:
                waiting.setdefault(min(4 * width, size), []).append(row)
    return drawn


def _draw_among(
    logits: Tensor, sequences: Listing[Sequence], width: int, vocabulary: Vocabulary
) -> list[int]:
    """Draw as ``draw`` does from the likeliest few; ``NO_TOKEN``: the nucleus holds more.

    A few hundred hold it as a rule; sorting all V is ten times the work.
    """
    params, size = [sequence.params for sequence in sequences], logits.shape[1]
    # 1 is off: compared as a number, rounding would drop the last few.
    columns = [
        (p.temperature, min(p.top_k or size, size), p.top_p if p.top_p < 1 else torch.inf, p.min_p)
        for p in params
    ]
    temperatures, limits, top_p, min_p = logits.new_tensor(columns).t()[..., None]  # (N, 1) each
    top, ids = vocabulary.largest(logits, width)
    peaks = top[:, :1]
    # Shifted first, so that nothing overflows.
    weights = ((top - peaks) / temperatures).exp()
    weights = weights.masked_fill(_places(width, logits.device) >= limits, 0)
    whole = weights.sum(dim=1, keepdim=True)
    is_whole = limits <= width
    if not bool(is_whole.all()):
        whole = torch.where(is_whole, whole, vocabulary.weight(logits, peaks, temperatures))
    gathered = weights.cumsum(dim=1)
    is_enough: list[bool] = ((gathered[:, -1:] >= top_p * whole) | is_whole)[:, 0].tolist()
    dropped = (gathered - weights >= top_p * whole) | (weights < min_p * weights[:, :1])
    dropped[:, 0] = False
    left = weights.double().masked_fill(dropped, 0).cumsum(dim=1)
    uniform = [
        float(torch.rand(1, dtype=torch.float64, generator=sequence.generator)) if enough else 0.0
        for sequence, enough in zip(sequences, is_enough, strict=True)
    ]
    points = left[:, -1:] * left.new_tensor(uniform)[:, None]
    # ``right``: the first token whose cumulative probability exceeds the point, hence never one of
    # probability zero. The point is below the whole: ``uniform`` is at most 1 - 2**-53.
    places = torch.searchsorted(left, points, right=True)
    drawn: list[int] = ids.gather(1, places)[:, 0].tolist()
    return [
        token_id if enough else NO_TOKEN for token_id, enough in zip(drawn, is_enough, strict=True)
    ]


def _rows(logits: Tensor, rows: list[int]) -> Tensor:
    return logits if len(rows) == len(logits) else logits[rows]


@lru_cache(maxsize=64)
def _ids(ids: frozenset[int]) -> Tensor:
    return torch.tensor(sorted(ids), dtype=torch.long)


@lru_cache(maxsize=8)
def _places(width: int, device: torch.device) -> Tensor:
    return torch.arange(width, device=device)
