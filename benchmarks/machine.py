"""The machine and the versions that a figure belongs to."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

# Instructions that decide how fast integers and bfloat16 are multiplied.
_FLAGS = (
    "avx2",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
)
_PACKAGES = ("torch", "transformers", "ctranslate2")


@dataclass(frozen=True)
class Machine:
    """Where a run was made.

    Attributes:
        processor: model name of the CPU.
        num_cores: that this process may use.
        num_threads: that each contender gets.
        flags: the CPU's instructions that matter here.
        gpu: name of the CUDA device, empty without one.
        versions: ``name==version`` of Python and of the engines.
    """

    processor: str
    num_cores: int
    num_threads: int
    flags: tuple[str, ...]
    gpu: str
    versions: tuple[str, ...]


def this_machine(num_threads: int, cpuinfo: Path = Path("/proc/cpuinfo")) -> Machine:
    """Return this machine; what the system does not tell stays empty."""
    facts = _cpu_facts(cpuinfo)
    flags = facts.get("flags", facts.get("Features", "")).split()
    return Machine(
        processor=facts.get("model name") or platform.processor() or platform.machine(),
        num_cores=_num_cores(),
        num_threads=num_threads,
        flags=tuple(flag for flag in _FLAGS if flag in flags),
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
        versions=(f"Python=={platform.python_version()}", *_versions()),
    )


def _cpu_facts(path: Path) -> dict[str, str]:
    """Return what ``/proc/cpuinfo`` says of the first core."""
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8").partition("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _num_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _versions() -> list[str]:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return found
