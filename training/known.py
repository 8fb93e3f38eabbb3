"""Known replies: the exchanges of a corpus, for a checkpoint to carry along, and their states."""

import copy
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder, windows
from chatbot.known import MAX_KNOWN, KnownReply, known_replies
from chatbot.known_states import KnownStates
from training.clean import Cleaner
from training.device import pick_device, pick_dtype
from training.prepare import progress_bar
from training.sides import Sides

_TOKENS = 8192  # read at once
_OWN_FACTS = ("format", "name", "sha256")  # of a manifest

Floats = NDArray[np.float32]


def corpus_replies(corpus: str | Path) -> list[KnownReply]:
    """Return the exchanges that are trained on, at most ``MAX_KNOWN``.

    Generated dialogues and the held-out side are left out, and what the data gate drops.

    Raises:
        CorpusError: names file, line and remedy.
    """
    found = chain.from_iterable(known_replies(utterances) for utterances in _dialogues(corpus))
    return list(islice(found, MAX_KNOWN))


def add_known(folder: Path, corpus: str | Path) -> int:
    """Give a checkpoint the known replies of a corpus and their states; return how many.

    Raises:
        CheckpointError, CorpusError: one line that names the remedy.
    """
    checkpoint = load_checkpoint(folder)
    encoder = DialogueEncoder(checkpoint.tokenizer)
    known = corpus_replies(corpus)
    states = corpus_states(checkpoint.model, encoder, list(_dialogues(corpus)))[: len(known)]
    facts = {k: v for k, v in checkpoint.manifest.items() if k not in _OWN_FACTS}
    save_checkpoint(
        folder,
        checkpoint.model,
        checkpoint.tokenizer,
        name=checkpoint.manifest["name"],
        generation=checkpoint.generation,
        facts=facts,
        known=known,
        states=KnownStates.of(states) if len(known) else None,
    )
    return len(known)


@torch.inference_mode()
def corpus_states(
    model: GPT2LMHeadModel, encoder: DialogueEncoder, dialogues: Sequence[Sequence[str]]
) -> Floats:
    """Return the last layer's state (N, D) at the end of each utterance that the bot answers.

    Long dialogues are read in windows; a turn that is too long by itself has a state of zeros.
    """
    device = pick_device()
    reader = copy.deepcopy(model).to(device, pick_dtype("auto", device)).eval()
    rows, num_states = _rows(encoder, dialogues, model.config.n_positions)
    states = np.zeros((num_states, model.config.n_embd), np.float32)
    rows.sort(key=lambda row: len(row.ids))
    with progress_bar() as progress:
        task = progress.add_task("现成回答的上文", total=len(rows))
        for batch in _batches(rows):
            ids = pad_sequence([torch.tensor(row.ids) for row in batch], True, encoder.pad_id)
            hidden = reader.transformer(ids.to(device), use_cache=False).last_hidden_state
            for row, read in zip(batch, hidden.float().cpu().numpy(), strict=True):
                states[row.first : row.first + len(row.ends)] = read[row.ends]
            progress.advance(task, len(batch))
    return states


class _Row(NamedTuple):
    """A window of a dialogue.

    Attributes:
        first: the number of its first state.
        ends: where each answered utterance ends in ``ids``.
    """

    ids: list[int]
    first: int
    ends: list[int]


def _rows(
    encoder: DialogueEncoder, dialogues: Sequence[Sequence[str]], limit: int
) -> tuple[list[_Row], int]:
    """Return the windows of dialogues, and how many states there are in all."""
    rows: list[_Row] = []
    num_states = 0
    for texts in dialogues:
        utterances = encoder.encode_utterances(texts)
        for start, stop in windows([len(ids) for ids in utterances], limit):
            ids = encoder.join(utterances[start:stop])
            closed = [place for place, token in enumerate(ids) if token == encoder.sep_id]
            ends = closed[::2][: (stop - start) // 2]
            rows.append(_Row(ids, num_states + start // 2, ends))
        num_states += len(texts) // 2
    return rows, num_states


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Yield rows, sorted by length, so many at once that they fit memory."""
    begin = 0
    while begin < len(rows):
        end = begin + 1
        while end < len(rows) and (end + 1 - begin) * len(rows[end].ids) <= _TOKENS:
            end += 1
        yield rows[begin:end]
        begin = end


def _dialogues(corpus: str | Path) -> Iterator[tuple[str, ...]]:
    """Yield what is trained on, until it holds ``MAX_KNOWN`` exchanges."""
    num_exchanges = 0
    for item in Cleaner().clean(Sides(corpus).train()):
        if num_exchanges >= MAX_KNOWN:
            return
        yield item.utterances
        num_exchanges += len(item.utterances) // 2
