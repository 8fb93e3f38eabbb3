"""How likely a model finds each of some dialogues: all of it, and the bot's turns alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy
from transformers import GPT2LMHeadModel

from chatbot.dialogue import DialogueEncoder, Ids, windows
from training.collate import IGNORE, attention_mask, collate
from training.metrics.perplexity import Tally

_BATCH = 8


@dataclass(frozen=True)
class Likelihood:
    """The tallies of one dialogue: all of its utterances, and the bot's (the even ones)."""

    whole: Tally
    bot: Tally


@dataclass(frozen=True)
class _Window:
    """Whole turns of a dialogue that fit the model together."""

    owner: int
    texts: Sequence[str]
    utterances: list[Ids]
    ids: Ids


def likelihoods(
    model: GPT2LMHeadModel, encoder: DialogueEncoder, dialogues: Sequence[Sequence[str]]
) -> list[Likelihood]:
    """Return the likelihood of each dialogue, in order; exact, in the model's own precision.

    A dialogue longer than the model's positions is cut into windows of whole turns, as in
    training; a turn that fits nowhere is not counted.
    """
    model.eval()
    found = [Likelihood(Tally(), Tally())] * len(dialogues)
    pieces = list(_windows(encoder, dialogues, model.config.max_position_embeddings))
    pieces.sort(key=lambda piece: len(piece.ids))
    for start in range(0, len(pieces), _BATCH):
        batch = pieces[start : start + _BATCH]
        for piece, nats in zip(batch, _nats(model, batch, encoder.pad_id), strict=True):
            whole, bot = _tallies(piece, nats, encoder.unk_id)
            before = found[piece.owner]
            found[piece.owner] = Likelihood(before.whole + whole, before.bot + bot)
    return found


def _windows(
    encoder: DialogueEncoder, dialogues: Iterable[Sequence[str]], limit: int
) -> Iterator[_Window]:
    for owner, texts in enumerate(dialogues):
        ids = encoder.encode_utterances(texts)
        for start, stop in windows([len(utterance) for utterance in ids], limit):
            part = ids[start:stop]
            yield _Window(owner, texts[start:stop], part, encoder.join(part))


@torch.inference_mode()
def _nats(
    model: GPT2LMHeadModel, pieces: Sequence[_Window], pad_id: int
) -> list[NDArray[np.float64]]:
    """Return the negative log-likelihood of each window's ids but the first, ``(T - 1,)`` each."""
    rows = [[np.array(piece.ids)] for piece in pieces]
    longest = max(len(piece.ids) for piece in pieces)
    batch = collate(rows, pad_id=pad_id, row_length=longest).to(model.device)
    logits = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        attention_mask=attention_mask(batch.segment_ids, model.dtype),
        use_cache=False,
    ).logits  # (B, T, V)
    flat = cross_entropy(
        logits.flatten(0, 1).float(), batch.labels.flatten(), ignore_index=IGNORE, reduction="none"
    )
    nats = flat.view_as(batch.labels).double().cpu().numpy()
    return [row[: len(piece.ids) - 1] for row, piece in zip(nats, pieces, strict=True)]


def _tallies(piece: _Window, nats: NDArray[np.float64], unk_id: int) -> tuple[Tally, Tally]:
    """Return what a window adds to the whole and to the bot's part."""
    whole = bot = Tally()
    start = 0
    for number, (text, ids) in enumerate(zip(piece.texts, piece.utterances, strict=True)):
        stop = start + len(ids) + 1  # its end, [SEP], counts
        tally = Tally(float(nats[start:stop].sum()), stop - start, len(text) + 1, ids.count(unk_id))
        whole += tally
        if number % 2:
            bot += tally
        start = stop
    return whole, bot
