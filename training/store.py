"""Dialogue stream -> memory-mapped token store, and back.

tokens.bin    every dialogue's ids one after another, uint16 (uint32 above 65,536 tokens)
offsets.npy   int64 (num_dialogues + 1): where each dialogue begins
contexts.npy  int64 (num_dialogues): ids at its beginning that the window before it held already
store.json    counts, the vocabulary's SHA-256, and the data gate's report
"""

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.dialogue import DialogueEncoder
from chatbot.folder import replace_folder, stage_folder
from training.bulk import BulkEncoder
from training.corpora import Dialogue
from training.errors import StoreError
from training.windows import overlapping_windows

FORMAT = 2
_BATCH = 2048

Encoded = list[NDArray[Any]]  # the ids of a dialogue's utterances


@dataclass(frozen=True)
class StoreReport:
    """What was written.

    Attributes:
        num_dialogues: dialogues, each window of one that was cut counted.
        num_utterances: utterances, each once.
        num_tokens: ids, those that windows repeat counted again.
        num_cut: dialogues longer than a window.
        num_too_long: utterances of turns that are longer than a window by themselves: left out.
    """

    num_dialogues: int
    num_utterances: int
    num_tokens: int
    num_cut: int
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
    stream = _encoded(dialogues, encoder, dtype)
    report, digest = _write_ids(staging, stream, encoder, max_length)
    record = {
        "format": FORMAT,
        "dtype": dtype.name,
        "max_length": max_length,
        "vocab_sha256": vocab_digest(encoder),
        "sha256": digest,
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
            self.contexts: NDArray[np.int64] = np.load(folder / "contexts.npy")
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
    def digest(self) -> str:
        """The SHA-256 of what the store holds."""
        return str(self.record["sha256"])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Ids of each dialogue, (num_dialogues,)."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> NDArray[np.integer[Any]]:
        ids: NDArray[np.integer[Any]] = self._tokens[self.offsets[index] : self.offsets[index + 1]]
        return ids


def _write_ids(
    folder: Path, dialogues: Iterable[Encoded], encoder: DialogueEncoder, max_length: int
) -> tuple[StoreReport, str]:
    """Write the ids; return what was written and its SHA-256."""
    lengths, contexts = array("q"), array("q")
    num_utterances = num_cut = num_too_long = 0
    digest = hashlib.sha256()
    with (folder / "tokens.bin").open("wb") as file:
        for utterances in dialogues:
            windows = overlapping_windows([len(ids) for ids in utterances], max_length)
            fresh = sum(window.stop - window.fresh for window in windows)
            num_utterances += fresh
            num_cut += len(windows) > 1
            num_too_long += len(utterances) - fresh
            for window in windows:
                ids = _joined(utterances[window.start : window.stop], encoder)
                context = utterances[window.start : window.fresh]
                lengths.append(len(ids))
                contexts.append(1 + sum(map(len, context)) + len(context) if context else 0)
                content = ids.tobytes()
                digest.update(content)
                file.write(content)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    np.save(folder / "offsets.npy", offsets)
    np.save(folder / "contexts.npy", np.array(contexts, np.int64))
    digest.update(offsets.tobytes() + contexts.tobytes())
    counts = (len(lengths), num_utterances, int(offsets[-1]), num_cut, num_too_long)
    return StoreReport(*counts), digest.hexdigest()


def _joined(utterances: Encoded, encoder: DialogueEncoder) -> NDArray[Any]:
    """``DialogueEncoder.join`` for arrays."""
    dtype = utterances[0].dtype
    sep = np.array([encoder.sep_id], dtype)
    parts = [np.array([encoder.cls_id], dtype)]
    for ids in utterances:
        parts += (ids, sep)
    return np.concatenate(parts)


def _encoded(
    dialogues: Iterable[Dialogue], encoder: DialogueEncoder, dtype: np.dtype[Any]
) -> Iterator[Encoded]:
    """Encode in batches, so that the tokenizer's threads have work."""
    stream = iter(dialogues)
    bulk = BulkEncoder(encoder, dtype)
    while batch := list(islice(stream, _BATCH)):
        ids = iter(bulk.encode([text for item in batch for text in item.utterances]))
        for item in batch:
            yield list(islice(ids, len(item.utterances)))
