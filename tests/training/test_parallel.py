"""Two processes train one model as one process with twice the accumulation would."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from training.errors import ConfigError
from training.parallel import World, current_world, join_world

# Dropout would differ between the processes; everything else is as in a real run.
RUN = """
import sys
from pathlib import Path
import training.journal
from training.config import TrainConfig
from training.dialogue import train_dialogue
from training.parallel import current_world, leave_world

def train(corpus, out, shape, vocab, accumulate, sharding="none"):
    training.journal.draw_curves = lambda *_: None
    start = {"model_config": Path(shape), "vocab": Path(vocab)}
    out = Path(out) / sharding
    for epochs, resume in ((1, False), (2, True)):
        settings = TrainConfig(
            epochs=epochs, row_length=32, batch_rows=1, accumulate=int(accumulate), dropout=0.0,
            learning_rate=1e-2, clip_norm=0.0, patience=0, precision="float32", compile="off",
            sharding=sharding,
        )
        outcome = train_dialogue(Path(corpus), out, settings, **start, resume=resume)
    return outcome.first_loss, outcome.best_loss, outcome.num_steps, outcome.num_tokens

if __name__ == "__main__":
    for sharding in ("none", "fsdp"):
        told = train(*sys.argv[1:], sharding)
        if current_world().is_main:
            print("outcome", *told)
    leave_world()
"""


SAVED = ("one/none", "two/none", "two/fsdp")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_give_the_losses_of_one(
    tmp_path: Path,
    corpus: Path,
    gpt2: Path,
    vocab_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = tmp_path / "run.py"
    script.write_text(RUN, "utf-8")
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)
    names: dict[str, Any] = {"__name__": "run"}
    exec(RUN, names)
    alone = names["train"](corpus, tmp_path / "one", gpt2, vocab_file, 2)
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    files = [script, corpus, tmp_path / "two", gpt2, vocab_file]
    done = subprocess.run(
        [sys.executable, *launcher, f"--master-port={free_port()}", *map(str, files), "1"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("用时") == 4, "one process tells of all runs, the other is silent"
    lines = [line for line in done.stdout.splitlines() if line.startswith("outcome")]
    assert len(lines) == 2
    for line in lines:
        together = [float(word) for word in line.split()[1:]]
        assert together == pytest.approx(alone, rel=1e-5)
        assert together[1] < together[0]
    files = [tmp_path / folder / "state/tensors.safetensors" for folder in SAVED]
    one, copied, sharded = (load_file(path) for path in files)
    assert copied.keys() == sharded.keys() == one.keys() | {"rng.1"}
    # Not the weights: where a gradient is rounding noise, Adam makes whole steps of its sign.
    for name in (name for name in one if name.endswith((".exp_avg", ".step"))):
        torch.testing.assert_close(sharded[name], copied[name], rtol=1e-3, atol=1e-5)
    found = [load_file(tmp_path / folder / "best/model.safetensors") for folder in SAVED]
    shapes = [{name: tensor.shape for name, tensor in weights.items()} for weights in found]
    assert shapes[0] == shapes[1] == shapes[2], "a checkpoint is the same however it was trained"


def test_alone_there_is_nobody_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_world() == current_world() == World(0, 1)
    world = World()
    assert world.total(1.5, 2) == [1.5, 2]
    weight = torch.ones(2, requires_grad=True)
    world.sum_gradients([weight])
    assert weight.grad is None
    world.wait()


def test_an_environment_without_addresses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(
        ConfigError, match=r"多个进程连不起来.*；请用 torchrun 或 accelerate launch"
    ):
        join_world()


@pytest.mark.parametrize(
    ("machines", "expected"),
    [
        ("", {"nproc_per_node": "8", "master_port": "29500"}),
        (
            "--num_machines=2 --machine_rank=1 --main_process_ip=10.0.0.1 --main_process_port=29501",
            {"nproc_per_node": "4", "node_rank": 1, "rdzv_endpoint": "10.0.0.1:29501"},
        ),
    ],
)
def test_accelerate_starts_our_command_as_torchrun_does(
    machines: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = pytest.importorskip("accelerate.commands.launch", reason="of the extra bench")
    runs: list[dict[str, Any]] = []
    monkeypatch.setattr("torch.distributed.run.run", lambda chosen: runs.append(vars(chosen)))
    words = ["--multi_gpu", "--num_processes=8", *machines.split()]
    words += ["-m", "training", "dialogue", "--sharding", "fsdp"]
    launch.launch_command(launch.launch_command_parser().parse_args(words))
    (run,) = runs
    started = {"module": True, "training_script": "training"}
    started |= {"training_script_args": ["dialogue", "--sharding", "fsdp"]}
    assert {name: run[name] for name in (*started, *expected)} == started | expected
