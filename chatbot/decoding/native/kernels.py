"""The compiled kernels as Python calls them; the structures mirror ``model.h``."""

import ctypes
from ctypes import POINTER, Structure, c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache

from chatbot.decoding.native.build import library

LANES = 16  # numbers of a head are read so many at a time
LEVELS = (2, 1)  # AVX-512 and AVX2, both with VNNI; the best first
PANEL = 48  # output channels that are packed together


class CNorm(Structure):
    """Layer normalisation."""

    _fields_ = (("weight", c_void_p), ("bias", c_void_p), ("epsilon", c_float))


class CLinear(Structure):
    """A packed linear layer."""

    _fields_ = (
        ("weight", c_void_p),
        ("scale", c_void_p),
        ("bias", c_void_p),
        ("width", c_int64),
        ("height", c_int64),
    )


class CBlock(Structure):
    """One layer."""

    _fields_ = (
        ("norms", CNorm * 2),
        ("qkv", CLinear),
        ("out", CLinear),
        ("up", CLinear),
        ("down", CLinear),
    )


class CModel(Structure):
    """All layers."""

    _fields_ = (
        ("blocks", POINTER(CBlock)),
        ("norm", CNorm),
        ("head", CLinear),
        ("num_blocks", c_int64),
        ("num_heads", c_int64),
        ("width", c_int64),
    )


class CBatch(Structure):
    """One step's work."""

    _fields_ = (
        ("x", c_void_p),
        ("spans", c_void_p),
        ("rows", c_void_p),
        ("logits", c_void_p),
        ("num_tokens", c_int64),
        ("num_spans", c_int64),
        ("num_rows", c_int64),
    )


class CLogits(Structure):
    """Rows of logits."""

    _fields_ = (
        ("values", c_void_p),
        ("num_rows", c_int64),
        ("width", c_int64),
        ("stride", c_int64),
    )


@dataclass(frozen=True)
class Kernels:
    """The library, and which of its instruction sets is used."""

    library: ctypes.CDLL
    level: int


@cache
def kernels() -> Kernels | None:
    """Return the kernels for this processor, compiled when first asked for; ``None``: none fit."""
    path = library()
    if path is None:
        return None
    handle = ctypes.CDLL(str(path))
    pointer, logits = c_void_p, POINTER(CLogits)
    for name, arguments in {
        "linear": (POINTER(CLinear), pointer, c_int64, c_int, pointer),
        "largest": (logits, c_int64, c_int, pointer, pointer),
        "weight": (logits, pointer, pointer, c_int, pointer),
        "step": (POINTER(CModel), POINTER(CBatch), c_int),
    }.items():
        getattr(handle, f"kernels_{name}").argtypes = (c_int, *arguments)
    level = next((level for level in LEVELS if handle.kernels_can(level)), None)
    return Kernels(handle, level) if level is not None else None
