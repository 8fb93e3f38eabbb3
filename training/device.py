"""Where and in what precision a run computes, and whether compiling pays."""

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch
from torch._dynamo.exc import TorchDynamoException

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

# Compiling takes about half a minute and then makes a CPU step 1.8 times as fast (at some 3,000
# tokens a second uncompiled), so it pays from a quarter of a million tokens on.
_COMPILE_PAYS_FROM_TOKENS = 400_000


def pick_device() -> torch.device:
    """Return the current CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the computing type for ``precision`` ("auto", "bfloat16", "float32")."""
    if precision != "auto":
        return torch.bfloat16 if precision == "bfloat16" else torch.float32
    return torch.bfloat16 if _has_bfloat16(device) else torch.float32


def compile_if_worthwhile(
    function: Callable[_Params, _Result], mode: str, num_tokens: int, device: torch.device
) -> Callable[_Params, _Result]:
    """Return ``function``, compiled where ``mode`` and the machine allow it and it pays."""
    pays = num_tokens >= _COMPILE_PAYS_FROM_TOKENS and _can_compile(device)
    if mode == "on" or (mode == "auto" and pays):
        return _with_fallback(function)
    return function


def _with_fallback(function: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Compile at the first call; where that fails, go on uncompiled and say so once."""
    chosen = torch.compile(function)

    def call(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        nonlocal chosen
        try:
            return chosen(*args, **kwargs)
        except TorchDynamoException as error:
            if chosen is function:
                raise
            first_line = next(iter(str(error).strip().splitlines()), "")[:100]
            print(f"这台机器上编译不成（{first_line}），改为不编译，会慢一些", flush=True)
            chosen = function
            return function(*args, **kwargs)

    return call


def _can_compile(device: torch.device) -> bool:
    if device.type == "cuda":
        return True
    compiler = any(shutil.which(name) for name in ("g++", "clang++", "c++"))
    return compiler and (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file()


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Without these instructions bfloat16 is emulated and slower than float32.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
