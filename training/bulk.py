"""Many utterances -> ids, fast where every character is a token of its own.

A WordPiece tokenizer sets each Chinese character and each punctuation mark apart whatever stands
beside it. Texts of nothing else are looked up in a table, which the tokenizer itself fills as
characters come up; all others go through the tokenizer.
"""

import string
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.dialogue import DialogueEncoder

_IDEOGRAPHS = (range(0x4E00, 0xA000), range(0x3400, 0x4DC0))
_SIZE = 0x10000  # what lies above is left to the tokenizer
_UNKNOWN, _NOT_ALONE = -2, -1


class BulkEncoder:
    """Encodes exactly as ``DialogueEncoder.encode_utterances`` does."""

    def __init__(self, encoder: DialogueEncoder, dtype: np.dtype[Any]) -> None:
        self.encoder, self.dtype = encoder, dtype
        self._table = np.full(_SIZE, _UNKNOWN, np.int32)  # ids by code point

    def encode(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """Return the ids of each text, without any special token."""
        codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
        codes = np.minimum(codes, _SIZE - 1)
        self._learn(codes)
        table_ids = self._table[codes]
        stops = np.cumsum([len(text) for text in texts], dtype=np.int64)
        odd = np.flatnonzero(table_ids == _NOT_ALONE)
        others = dict.fromkeys(np.searchsorted(stops, odd, side="right").tolist())
        found, begin, ids = [], 0, table_ids.astype(self.dtype)
        for stop in stops.tolist():
            found.append(ids[begin:stop])
            begin = stop
        encoded = self.encoder.encode_utterances([texts[place] for place in others])
        for place, utterance in zip(others, encoded, strict=True):
            found[place] = np.array(utterance, self.dtype)
        return found

    def _learn(self, codes: NDArray[np.uint32]) -> None:
        """Fill the table for characters that were not met before."""
        new = np.unique(codes[self._table[codes] == _UNKNOWN]).tolist()
        self._table[new] = _NOT_ALONE
        alone = [code for code in new if _stands_alone(code)]
        encoded = self.encoder.encode_utterances([chr(code) for code in alone])
        for code, ids in zip(alone, encoded, strict=True):
            if len(ids) == 1:
                self._table[code] = ids[0]


def _stands_alone(code: int) -> bool:
    """Whether the tokenizer parts a character from its neighbours."""
    character = chr(code)
    return (
        any(code in block for block in _IDEOGRAPHS)
        or character in string.punctuation
        or unicodedata.category(character).startswith("P")
    )
