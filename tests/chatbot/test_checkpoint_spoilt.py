"""Every way a checkpoint folder can be spoilt ends in one line that names the remedy."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from chatbot.checkpoint import KNOWN, STATES, load_checkpoint, save_checkpoint
from chatbot.errors import CheckpointError
from chatbot.known import KnownReply, write_known
from chatbot.known_states import KnownStates, write_states
from chatbot.manifest import write_manifest
from vocab.wordpiece import SPECIAL_TOKENS

FILES = (
    "model.safetensors",
    "config.json",
    "vocab.txt",
    "tokenizer_config.json",
    "generation_config.json",
)


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint to spoil."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))


def assert_refused(folder: Path, *told: str) -> None:
    """Loading fails with one line that says what and, after the semicolon, what to do."""
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(folder)
    text = str(error.value)
    assert "\n" not in text
    assert [part for part in (*told, "；") if part not in text] == []


def test_a_missing_folder(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none", "none", "找不到模型文件夹", "CHECKPOINT=")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert_refused(folder, f"缺少 {name}", "重新训练")
    if name in FILES[:3]:  # the others may lack in a folder from elsewhere
        (folder / "manifest.json").unlink()
        assert_refused(folder, f"缺少 {name}", "重新训练")


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_or_altered_file(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for content in (whole[:-1], whole[:middle], b"", flipped):
        (folder / name).write_bytes(content)
        assert_refused(folder, name, "校验和不符")


@pytest.fixture
def knowing(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint with three known replies and their states, to spoil."""
    plain = load_checkpoint(tiny_checkpoint)
    known = [KnownReply(f"第{n}句", f"答{n}。", frozenset()) for n in range(3)]
    folder, states = tmp_path / "knowing", KnownStates.of(np.eye(3, 32, dtype=np.float32))
    return save_checkpoint(
        folder, plain.model, plain.tokenizer, name="k", known=known, states=states
    )


def sign(folder: Path) -> None:
    """Write the manifest of what the folder holds now."""
    write_manifest(folder, "k", None, [*FILES, KNOWN, STATES])


@pytest.mark.parametrize("name", [KNOWN, STATES])
def test_known_replies_and_states_that_lack_or_were_altered(knowing: Path, name: str) -> None:
    whole = (knowing / name).read_bytes()
    for content in (whole[:-1], b""):
        (knowing / name).write_bytes(content)
        assert_refused(knowing, name, "校验和不符")
    (knowing / name).unlink()
    assert_refused(knowing, f"缺少 {name}", "重新训练")


def test_states_of_other_replies_or_another_model(knowing: Path) -> None:
    write_known(knowing / KNOWN, [KnownReply("你好", "好。", frozenset())])
    sign(knowing)
    assert_refused(knowing, STATES, "与 1 条现成回答、32 维的模型对不上", "重新训练")
    (knowing / KNOWN).unlink()
    write_manifest(knowing, "k", None, [*FILES, STATES])
    assert_refused(knowing, STATES, "与 0 条现成回答", "重新训练")


def test_states_that_cannot_be_read(knowing: Path) -> None:
    write_states(knowing / STATES, KnownStates.of(np.eye(3, 16, dtype=np.float32)))
    sign(knowing)
    assert_refused(knowing, STATES, "32 维的模型对不上", "重新训练")
    (knowing / STATES).write_bytes(b"\xff" * 64)
    sign(knowing)
    assert_refused(knowing, STATES, "读不了", "重新训练")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_a_pickle_beside_the_config(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps({}))
    assert_refused(folder, name, "pickle", "python -m chatbot convert")


def test_without_a_manifest_the_weights_themselves_are_checked(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    load_checkpoint(folder)
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for content in (whole[:-1], whole[:9], b"", pickle.dumps({"a": 1}), b"\xff" * 64):
        file.write_bytes(content)
        assert_refused(folder, "model.safetensors", "读不出来", "重新取得")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("vocab.txt", "\n".join([*SPECIAL_TOKENS, "好"]), "放回训练时用的 vocab.txt"),
        ("vocab.txt", "你\n好\n", "缺少特殊符号"),
        ("tokenizer_config.json", "{", "JSON"),
        ("config.json", "{", "JSON"),
        ("config.json", '{"model_type": "llama"}', "只支持 gpt2"),
    ],
)
def test_without_a_manifest_the_other_files_are_checked(
    folder: Path, name: str, content: str, told: str
) -> None:
    (folder / "manifest.json").unlink()
    (folder / name).write_text(content, encoding="utf-8")
    assert_refused(folder, name, told)


@pytest.mark.parametrize("name", ["n_embd", "n_layer", "n_positions", "vocab_size"])
def test_a_config_of_another_shape(folder: Path, name: str) -> None:
    (folder / "manifest.json").unlink()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config[name] *= 2
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert_refused(folder, "放回")
