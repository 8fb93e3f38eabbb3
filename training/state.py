"""What a run needs to go on: optimizer tensors, progress and random states, saved atomically.

tensors.safetensors   masters, moments, and the random state of every process
progress.json         where the run stands
settings.json         what it runs with: settings, and a digest of the data
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from chatbot.folder import replace_folder, stage_folder
from training.errors import TrainingError
from training.optimizer import MasterAdamW
from training.parallel import current_world
from training.sharding import whole

# They steer how a run goes on from where it stands; all others decide how it got there.
MAY_CHANGE = frozenset(
    (
        "epochs",
        "learning_rate",
        "min_learning_rate",
        "patience",
        "validate_every",
        "save_every",
        "sharding",
        "peak_tflops",
    )
)


@dataclass
class Progress:
    """Where a run stands; the position in the data follows from ``step``."""

    step: int = 0
    num_tokens: int = 0
    first_loss: float = float("inf")
    best_loss: float = float("inf")
    best_step: int = 0
    num_bad: int = 0


def save_state(
    folder: Path, optimizer: MasterAdamW, progress: Progress, settings: Mapping[str, Any]
) -> None:
    """Write everything; the previous state stays until this is whole.

    Every process must call this; the first one gathers what is sharded, and writes.
    """
    world = current_world()
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in optimizer.state().items():
        gathered = whole(tensor.detach())
        if world.is_main:
            tensors[name] = gathered.cpu()
    tensors |= _named("rng", world.gather(torch.get_rng_state()))
    if torch.cuda.is_available():
        tensors |= _named("cuda_rng", world.gather(torch.cuda.get_rng_state()))
    if not world.is_main:
        return
    staging = stage_folder(folder)
    try:
        save_file(tensors, staging / "tensors.safetensors")
        _write(staging / "progress.json", dataclasses.asdict(progress))
        _write(staging / "settings.json", settings)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)  # what is not whole takes up room
        raise
    replace_folder(staging, folder)


def saved_state(folder: Path) -> Path | None:
    """Return where the state lies that a run can go on from, if there is one."""
    old = folder.with_name(folder.name + ".old")  # stopped between the two renames of a save
    return next((place for place in (folder, old) if place.is_dir()), None)


def load_state(folder: Path, optimizer: MasterAdamW, settings: Mapping[str, Any]) -> Progress:
    """Restore what ``save_state`` wrote.

    Raises:
        TrainingError: there is nothing to resume from, it does not fit this model, or the run
            was made with other settings or other data.
    """
    folder = saved_state(folder) or folder
    try:
        values = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        before = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "tensors.safetensors")
        progress = Progress(**values)
        _compare(dict(before), settings, folder.parent)
        optimizer.load_state(tensors)
    except FileNotFoundError:
        raise TrainingError(f"{folder}: 没有可以接着训练的存盘；去掉 RESUME=1 从头开始") from None
    except (ValueError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{folder}: 存盘坏了（{error}）；去掉 RESUME=1 从头开始") from None
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{folder}: 存盘与这个模型不符（{error}）；用原来的配置") from None
    rank = current_world().rank
    torch.set_rng_state(tensors[f"rng.{rank}"])
    if f"cuda_rng.{rank}" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors[f"cuda_rng.{rank}"])
    return progress


def _compare(before: dict[str, Any], now: Mapping[str, Any], out: Path) -> None:
    """Raise ``TrainingError`` where what decided the steps so far is not what it was."""
    changed = sorted(name for name in before.keys() | now if before.get(name) != now.get(name))
    for name in changed:
        if name == "data":
            raise TrainingError(
                f"{out}: 语料与停下时的不同；放回原来的语料，或去掉 RESUME=1 从头开始"
            )
        if name not in MAY_CHANGE:
            raise TrainingError(
                f"{out}: {name} 停下时是 {before.get(name)!r}，现在是 {now.get(name)!r}；"
                f"改回 {before.get(name)!r}，或去掉 RESUME=1，用 INIT={out / 'last'} 另起一轮"
            )
        if name in before:  # else it is newer than the run, and as it was by default
            print(f"{name} 由 {before.get(name)!r} 改成 {now.get(name)!r}", flush=True)


def _named(name: str, tensors: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{name}.{rank}": tensor for rank, tensor in enumerate(tensors)}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
