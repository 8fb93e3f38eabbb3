"""Where the model stood when each known reply was said, to find replies to conversations like one.

A language model's state at the ``[SEP]`` that closes a message is what it has made of the talk so
far, and all that its own reply is made from. Replies that were said from like states are replies
that fit here, however the message was worded: neighbours among stored states, as Khandelwal et al.
2020 ("Generalization through Memorization: Nearest Neighbor Language Models") look them up for a
token, here for a whole utterance. States are kept on their principal axes.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.errors import CheckpointError

NUM_AXES = 48
_UNIT = 32  # what 1.0 is stored as: the smaller, the better it packs
_KINDS = {"center": np.float32, "axes": np.float32, "vectors": np.int8}

# what numpy raises of files that are something else
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    IndexError,
    zipfile.BadZipFile,
    zlib.error,
)

Floats = NDArray[np.float32]


class KnownStates:
    """Of known replies, in their order.

    Attributes:
        center: what is subtracted from a state, (D,).
        axes: what it is multiplied with then, (D, S).
        vectors: the unit vectors that came of it, times 32, (N, S) int8.
    """

    def __init__(self, center: Floats, axes: Floats, vectors: NDArray[np.int8]) -> None:
        self.center, self.axes, self.vectors = center, axes, vectors
        self._unit = vectors.astype(np.float32) / _UNIT

    @classmethod
    def of(cls, states: Floats, num_axes: int = NUM_AXES) -> "KnownStates":
        """Keep states (N, D), at least one, on at most so many axes.

        A state of zeros, which nobody has read, is like none.
        """
        is_read: NDArray[np.bool_] = np.any(states != 0, axis=1)
        read = states[is_read] if is_read.any() else states
        center: Floats = read.mean(axis=0)
        scale: Floats = read.std(axis=0) + np.float32(1e-6)
        spread = (read - center) / scale
        variances, directions = np.linalg.eigh(spread.T @ spread)
        most = np.argsort(-variances, kind="stable")[:num_axes]
        axes: Floats = (directions[:, most] / scale[:, None]).astype(np.float32)
        vectors = _unit((states - center) @ axes) * is_read[:, None]
        return cls(center, axes, np.round(vectors * _UNIT).astype(np.int8))

    def __len__(self) -> int:
        return len(self.vectors)

    def likeness(self, state: Floats) -> Floats:
        """Return how like a state (D,) each known one is: cosines (N,)."""
        cosines: Floats = np.dot(self._unit, _unit((state - self.center) @ self.axes))
        return cosines


def write_states(path: Path, states: KnownStates) -> None:
    """Write what ``read_states`` reads."""
    np.savez_compressed(path, **{name: getattr(states, name) for name in _KINDS})


def read_states(path: Path, *, num_known: int, width: int) -> KnownStates:
    """Read the states of ``num_known`` replies from a model whose states have ``width`` numbers.

    Raises:
        CheckpointError: unreadable, or of other replies or another model.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = [np.asarray(arrays[name]) for name in _KINDS]
    except _UNREADABLE as error:
        raise CheckpointError(f"{path}: 读不了（{error}）；请重新取得或重新训练") from None
    num_axes = found[1].shape[-1:]
    shapes = [(width,), (width, *num_axes), (num_known, *num_axes)]
    kinds = [array.dtype for array in found]
    if kinds != list(_KINDS.values()) or [array.shape for array in found] != shapes:
        what = f"与 {num_known} 条现成回答、{width} 维的模型对不上"
        raise CheckpointError(f"{path}: {what}；请重新取得或重新训练")
    return KnownStates(*found)


def _unit(vectors: NDArray[np.floating[Any]]) -> Floats:
    """Return vectors (…, S) of length 1; a zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit
