"""Real processes: killed at any moment, even within a save, and without room on the disk."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from chatbot.checkpoint import load_checkpoint
from training.state import saved_state

SHAPE = {"n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2}
# Imports once, then forks a process for every run that it is asked for. Each line that Python
# runs in a save or in the loop is a moment to be killed at.
SERVER = """
import json, os, resource, signal, sys
from pathlib import Path
import chatbot.checkpoint, chatbot.folder, training.journal, training.loop, training.state
from training.config import TrainConfig
from training.dialogue import train_dialogue
from training.errors import TrainingError

modules = chatbot.checkpoint, chatbot.folder, training.journal, training.loop, training.state
traced = {module.__file__ for module in modules}
training.journal.draw_curves = lambda *_: None
settings = TrainConfig(
    epochs=3, row_length=32, batch_rows=2, learning_rate=1e-2, dropout=0.2, save_every=2,
    patience=0, precision="float32", compile="off",
)
counted = 0

def run(corpus, out, shape, vocab, resume, kill_at, largest_file):
    def count(frame, event, argument):
        global counted
        counted += 1
        if counted == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(lambda frame, *_: count if frame.f_code.co_filename in traced else None)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    try:
        train_dialogue(
            Path(corpus), Path(out), settings,
            model_config=Path(shape), vocab=Path(vocab), resume=resume,
        )
    except TrainingError as error:
        return f"错误：{error}"
    return str(counted)

for line in sys.stdin:
    arguments = json.loads(line)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(2, 1)  # what a run prints is no answer
        os.write(writing, run(**arguments).encode())
        os._exit(0)
    os.close(writing)
    told = open(reading, encoding="utf-8").read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told]), flush=True)
"""
Start = Callable[..., tuple[int, str]]


@pytest.fixture
def start(tmp_path: Path, corpus: Path, vocab_file: Path) -> Iterator[Start]:
    """Train in a process of its own from where ``out`` stands; return its code and last word."""
    (tmp_path / "gpt2.json").write_text(json.dumps(SHAPE), "utf-8")
    files = {"corpus": str(corpus), "shape": str(tmp_path / "gpt2.json"), "vocab": str(vocab_file)}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        encoding="utf-8",
    )
    assert server.stdin
    assert server.stdout

    def start(out: str, *, kill_at: int = 0, largest_file: int = 0) -> tuple[int, str]:
        assert server.stdin
        assert server.stdout
        resume = saved_state(tmp_path / out / "state") is not None
        options = {"resume": resume, "kill_at": kill_at, "largest_file": largest_file}
        print(json.dumps({**files, "out": str(tmp_path / out), **options}), file=server.stdin)
        server.stdin.flush()
        code, told = json.loads(server.stdout.readline())
        return code, told

    yield start
    server.stdin.close()
    server.wait()


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).model.state_dict()


def test_killed_at_random_moments_or_without_disk_it_ends_with_the_same_weights(
    start: Start, tmp_path: Path
) -> None:
    code, num_lines = start("whole")
    assert code == 0
    rng = random.Random(4)
    state = tmp_path / "stopped" / "state"
    for _ in range(4):
        killed, _ = start("stopped", kill_at=rng.randrange(1, int(num_lines) // 4))
        assert killed == -signal.SIGKILL
    assert saved_state(state)
    size = (tmp_path / "whole" / "state" / "tensors.safetensors").stat().st_size
    before = (state / "tensors.safetensors").read_bytes()
    _, told = start("stopped", largest_file=size - 1)
    assert "上一次的存盘是完整的，腾出空间后加 RESUME=1 接着练" in told
    assert (state / "tensors.safetensors").read_bytes() == before
    assert not state.with_name("state.saving").exists()
    code, _ = start("stopped")
    assert code == 0
    for name in ("last", "best"):
        expected, found = weights(tmp_path / "whole" / name), weights(tmp_path / "stopped" / name)
        assert all(torch.equal(expected[key], found[key]) for key in expected), name
