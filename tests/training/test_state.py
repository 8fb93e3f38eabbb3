"""The state of a run: whole or not there, restored to the bit, and told when it does not fit."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from training.config import TrainConfig
from training.errors import TrainingError
from training.optimizer import MasterAdamW
from training.state import Progress, load_state, save_state, saved_state

PROGRESS = Progress(
    step=7, num_tokens=900, first_loss=5.25, best_loss=1 / 3, best_step=6, num_bad=1
)


def optimizer(config: TrainConfig, size: int = 4, *, steps: int = 0) -> MasterAdamW:
    torch.manual_seed(0)
    model = nn.Linear(size, 3)
    made = MasterAdamW(model.parameters(), config)
    for _ in range(steps):
        torch.autograd.backward(model(torch.ones(2, size)).sum())
        made.collect_gradients()
        made.step(0.1)
    return made


SETTINGS = {"data": "d", "batch_rows": 2, "epochs": 3, "learning_rate": 0.1}


@pytest.fixture
def config(quick: Callable[..., TrainConfig]) -> TrainConfig:
    """Any configuration."""
    return quick()


@pytest.fixture
def folder(tmp_path: Path, config: TrainConfig) -> Path:
    """A saved state after two steps."""
    save_state(tmp_path / "run" / "state", optimizer(config, steps=2), PROGRESS, SETTINGS)
    return tmp_path / "run" / "state"


def test_everything_comes_back(folder: Path, config: TrainConfig) -> None:
    saved, fresh = optimizer(config, steps=2).state(), optimizer(config)
    assert load_state(folder, fresh, SETTINGS) == PROGRESS
    assert fresh.state().keys() == saved.keys()
    assert all(torch.equal(fresh.state()[key], saved[key]) for key in saved)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["state"]


def test_the_random_state_comes_back(tmp_path: Path, config: TrainConfig) -> None:
    made = optimizer(config)
    torch.manual_seed(5)
    torch.rand(3)
    save_state(tmp_path / "state", made, PROGRESS, SETTINGS)
    expected = torch.rand(4)
    torch.manual_seed(99)
    load_state(tmp_path / "state", made, SETTINGS)
    assert torch.equal(torch.rand(4), expected)


def test_a_fresh_run_s_infinite_losses_come_back(tmp_path: Path, config: TrainConfig) -> None:
    save_state(tmp_path / "state", optimizer(config), Progress(), SETTINGS)
    assert load_state(tmp_path / "state", optimizer(config), SETTINGS) == Progress()


def test_a_failing_save_leaves_the_old_state(
    folder: Path, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("training.state.save_file", full)
    with pytest.raises(OSError, match="no space"):
        save_state(folder, optimizer(config), Progress(), SETTINGS)
    assert load_state(folder, optimizer(config), SETTINGS) == PROGRESS


def test_a_state_stopped_between_two_renames_is_found(folder: Path, config: TrainConfig) -> None:
    assert saved_state(folder) == folder
    old = folder.rename(folder.with_name("state.old"))
    assert saved_state(folder) == old
    assert load_state(folder, optimizer(config), SETTINGS) == PROGRESS


def test_nothing_to_go_on_from(tmp_path: Path, config: TrainConfig) -> None:
    assert saved_state(tmp_path / "state") is None
    with pytest.raises(TrainingError, match="没有可以接着训练的存盘；去掉 RESUME=1"):
        load_state(tmp_path / "state", optimizer(config), SETTINGS)


@pytest.mark.parametrize("name", ["progress.json", "tensors.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_a_damaged_state_is_told_in_one_line(
    folder: Path, config: TrainConfig, name: str, damage: str
) -> None:
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage != "missing":
        new = {"empty": b"", "cut": content[: len(content) // 2], "other": b"[1]"}[damage]
        (folder / name).write_bytes(new)
    with pytest.raises(TrainingError, match=r"；去掉 RESUME=1 从头开始$") as error:
        load_state(folder, optimizer(config), SETTINGS)
    assert "\n" not in str(error.value)


def test_progress_of_another_version_is_refused(folder: Path, config: TrainConfig) -> None:
    values = dataclasses.asdict(PROGRESS) | {"epoch": 3}
    (folder / "progress.json").write_text(json.dumps(values), "utf-8")
    with pytest.raises(TrainingError, match=r"存盘坏了.*epoch.*；"):
        load_state(folder, optimizer(config), SETTINGS)


def test_the_state_of_another_model_is_refused(folder: Path, config: TrainConfig) -> None:
    with pytest.raises(TrainingError, match=r"与这个模型不符.*；用原来的配置"):
        load_state(folder, optimizer(config, size=5), SETTINGS)
    deeper = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
    with pytest.raises(TrainingError, match=r"与这个模型不符.*；用原来的配置"):
        load_state(folder, MasterAdamW(deeper.parameters(), config), SETTINGS)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data": "other"}, "语料与停下时的不同；放回原来的语料，或去掉 RESUME=1 从头开始"),
        ({"batch_rows": 4}, "batch_rows 停下时是 2，现在是 4；改回 2，或去掉 RESUME=1，用 INIT="),
    ],
)
def test_what_decided_the_steps_so_far_must_not_change(
    folder: Path, config: TrainConfig, changed: dict[str, object], told: str
) -> None:
    fresh = optimizer(config)
    before = {name: tensor.clone() for name, tensor in fresh.state().items()}
    with pytest.raises(TrainingError, match=told) as error:
        load_state(folder, fresh, SETTINGS | changed)
    assert "\n" not in str(error.value)
    assert all(torch.equal(fresh.state()[name], before[name]) for name in before)


def test_what_steers_the_steps_to_come_may_change_and_is_told(
    folder: Path, config: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = SETTINGS | {"epochs": 5, "learning_rate": 0.01}
    assert load_state(folder, optimizer(config), changed) == PROGRESS
    assert capsys.readouterr().out == "epochs 由 3 改成 5\nlearning_rate 由 0.1 改成 0.01\n"


def test_a_run_older_than_a_setting_goes_on_without_a_word(
    folder: Path, config: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    load_state(folder, optimizer(config), {**SETTINGS, "sharding": "none", "peak_tflops": 0.0})
    assert capsys.readouterr().out == ""
    load_state(folder, optimizer(config), {**SETTINGS, "sharding": "fsdp"})
