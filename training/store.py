"""Dialogue stream -> memory-mapped token store, and back.

tokens.bin    every dialogue's ids one after another, uint16 (uint32 above 65,536 tokens)
offsets.npy   int64 (num_dialogues + 1): where each dialogue begins
store.json    counts, the vocabulary's SHA-256, and the data gate's report
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.dialogue import DialogueEncoder, Ids, windows
from chatbot.folder import replace_folder, stage_folder
from training.corpora import Dialogue
from training.errors import StoreError

FORMAT = 1
_BATCH = 2048


@dataclass(frozen=True)
class StoreReport:
    """What was written: dialogues (after windowing), utterances, ids, and what did not fit."""

    num_dialogues: int
    num_utterances: int
    num_tokens: int
    num_too_long: int


def vocab_digest(encoder: DialogueEncoder) -> str:
    """Return the SHA-256 that ties a store to its vocabulary."""
    table = encoder.tokenizer.get_vocab()
    ordered = "\n".join(sorted(table, key=table.__getitem__))
    return hashlib.sha256(ordered.encode()).hexdigest()


def write_store(
    folder: Path,
    dialogues: Iterable[Dialogue],
    encoder: DialogueEncoder,
    *,
    max_length: int,
    facts: dict[str, Any] | None = None,
) -> StoreReport:
    """Encode a stream of dialogues into a store, cut into windows of at most ``max_length`` ids.

    ``facts`` may be filled while the stream is read (the data gate's counts); it is written last.
    """
    staging = stage_folder(folder)
    dtype = np.dtype(np.uint16 if len(encoder.tokenizer) <= 1 << 16 else np.uint32)
    report = _write_ids(staging, _encoded(dialogues, encoder), encoder, max_length, dtype)
    record = {
        "format": FORMAT,
        "dtype": dtype.name,
        "max_length": max_length,
        "vocab_sha256": vocab_digest(encoder),
        **vars(report),
        **(facts or {}),
    }
    text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    (staging / "store.json").write_text(text, encoding="utf-8")
    replace_folder(staging, folder)
    return report


class TokenStore:
    """A store opened for reading; dialogues are slices of one memory map."""

    def __init__(self, folder: str | Path, encoder: DialogueEncoder) -> None:
        """Open ``folder`` and check that it was made with this vocabulary.

        Raises:
            StoreError: missing, damaged, or made with another vocabulary.
        """
        folder = Path(folder)
        try:
            self.record: dict[str, Any] = json.loads((folder / "store.json").read_text("utf-8"))
            if self.record["num_dialogues"] == 0:
                raise StoreError(f"{folder}: 里面没有对话；换一份语料再运行 prepare")
            self.offsets: NDArray[np.int64] = np.load(folder / "offsets.npy")
            self._tokens = np.memmap(folder / "tokens.bin", self.record["dtype"], mode="r")
            digest = self.record["vocab_sha256"]
        except FileNotFoundError as error:
            raise StoreError(
                f"{error.filename}: 找不到；先运行 python -m training prepare"
            ) from None
        except (ValueError, KeyError, TypeError, EOFError) as error:
            raise StoreError(f"{folder}: 词元库坏了（{error}）；删掉它再运行 prepare") from None
        if self.record.get("format") != FORMAT:
            raise StoreError(f"{folder}: 是另一个版本做的；删掉它再运行 prepare")
        if digest != vocab_digest(encoder):
            raise StoreError(f"{folder}: 是用另一份词表做的；用这份词表重新运行 prepare")
        if not len(self.offsets) or self.offsets[-1] != len(self._tokens):
            raise StoreError(f"{folder}: tokens.bin 没写完；删掉它再运行 prepare")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Ids of each dialogue, (num_dialogues,)."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> NDArray[np.integer[Any]]:
        ids: NDArray[np.integer[Any]] = self._tokens[self.offsets[index] : self.offsets[index + 1]]
        return ids


def _write_ids(
    folder: Path,
    dialogues: Iterable[list[Ids]],
    encoder: DialogueEncoder,
    max_length: int,
    dtype: np.dtype[Any],
) -> StoreReport:
    lengths: list[int] = []
    num_utterances = num_too_long = 0
    with (folder / "tokens.bin").open("wb") as file:
        for utterances in dialogues:
            ranges = windows([len(ids) for ids in utterances], max_length)
            covered = sum(stop - start for start, stop in ranges)
            num_utterances += covered
            num_too_long += len(utterances) - covered
            for start, stop in ranges:
                ids = encoder.join(utterances[start:stop])
                lengths.append(len(ids))
                file.write(np.asarray(ids, dtype).tobytes())
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    np.save(folder / "offsets.npy", offsets)
    return StoreReport(len(lengths), num_utterances, int(offsets[-1]), num_too_long)


def _encoded(dialogues: Iterable[Dialogue], encoder: DialogueEncoder) -> Iterator[list[Ids]]:
    """Encode in batches, so that the tokenizer's threads have work."""
    stream = iter(dialogues)
    while batch := list(islice(stream, _BATCH)):
        flat = encoder.encode_utterances([text for item in batch for text in item.utterances])
        ids = iter(flat)
        for item in batch:
            yield list(islice(ids, len(item.utterances)))
