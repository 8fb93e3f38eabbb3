"""The token store: what is written is what is read, windows begin with a person's turn."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.dialogue import DialogueEncoder
from training import store as module
from training.corpora import Dialogue
from training.errors import StoreError
from training.store import TokenStore, vocab_digest, write_store
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

Dialogues = Sequence[Sequence[str]]
MakeStore = Callable[..., TokenStore]


def stream(dialogues: Dialogues) -> list[Dialogue]:
    return [Dialogue(tuple(texts), Path("a.txt"), 1) for texts in dialogues]


def test_ids_come_back_as_the_encoder_gives_them(
    make_store: MakeStore, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    store = make_store()
    expected = [encoder.encode(texts) for texts in dialogues]
    assert [list(store[index]) for index in range(len(store))] == expected
    assert list(store.lengths) == [len(ids) for ids in expected]
    assert store[0].dtype == np.uint16


def test_the_report_counts_what_was_written(
    tmp_path: Path, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    facts: dict[str, Any] = {}

    def filling() -> Any:
        yield from stream(dialogues)
        facts["dropped"] = {"x": 3}

    report = write_store(tmp_path / "s", filling(), encoder, max_length=64, facts=facts)
    assert report.num_dialogues == len(dialogues)
    assert report.num_utterances == sum(map(len, dialogues))
    assert report.num_tokens == sum(len(encoder.encode(texts)) for texts in dialogues)
    assert report.num_too_long == 0
    record = json.loads((tmp_path / "s" / "store.json").read_text("utf-8"))
    assert vars(report).items() <= record.items()
    assert (record["dropped"], record["max_length"]) == ({"x": 3}, 64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.lists(st.lists(st.integers(1, 12), min_size=2, max_size=9), min_size=1, max_size=5),
    st.integers(8, 30),
)
def test_windows_are_cut_at_turns_and_lose_nothing_that_fits(
    make_store: MakeStore, encoder: DialogueEncoder, sizes: list[list[int]], limit: int
) -> None:
    """Utterance k of a dialogue is a run of the k-th character, so windows show their origin."""
    letters = "你好呀今天累早点睡"
    dialogues = [[letters[k] * size for k, size in enumerate(dialogue)] for dialogue in sizes]
    expected = [text for dialogue in dialogues for text in fitting(dialogue, limit)]
    if not expected:
        with pytest.raises(StoreError, match="没有对话；"):
            make_store(dialogues, max_length=limit)
        return
    store = make_store(dialogues, max_length=limit)
    found = []
    for index in range(len(store)):
        ids = list(store[index])
        assert ids[0] == encoder.cls_id
        assert ids[-1] == encoder.sep_id
        assert len(ids) <= limit
        texts = [encoder.decode(part) for part in split(ids[1:], encoder.sep_id)]
        assert letters.index(texts[0][0]) % 2 == 0, "a window begins with the person's voice"
        context = int(store.contexts[index])
        assert context <= limit // 4 + 1
        known = list(split(ids[1:context], encoder.sep_id)) if context else []
        repeated, fresh = texts[: len(known)], texts[len(known) :]
        assert repeated == (found[-len(known) :] if known else [])
        found += fresh
    assert found == expected


def split(ids: list[int], separator: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for index in ids:
        if index == separator:
            parts.append([])
        else:
            parts[-1].append(index)
    return parts[:-1]


def fitting(dialogue: list[str], limit: int) -> list[str]:
    """The utterances of all turns that fit a window by themselves."""
    turns = [dialogue[start : start + 2] for start in range(0, len(dialogue), 2)]
    fit = [turn for turn in turns if 1 + sum(len(text) + 1 for text in turn) <= limit]
    return [text for turn in fit for text in turn]


def test_a_turn_that_fits_no_window_is_counted(tmp_path: Path, encoder: DialogueEncoder) -> None:
    dialogues = [["你好", "好" * 20, "你好", "好"]]
    report = write_store(tmp_path / "s", stream(dialogues), encoder, max_length=12)
    assert (report.num_dialogues, report.num_utterances, report.num_too_long) == (1, 2, 2)


def test_more_dialogues_than_a_batch(make_store: MakeStore, encoder: DialogueEncoder) -> None:
    dialogues = [("你好", "好" * (1 + index % 3)) for index in range(module._BATCH + 3)]
    store = make_store(dialogues)
    assert len(store) == len(dialogues)
    assert list(store[len(dialogues) - 1]) == encoder.encode(dialogues[-1])


def test_a_large_vocabulary_takes_wider_ids(
    tmp_path: Path, encoder: DialogueEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(encoder.tokenizer), "__len__", lambda _: 1 << 17)
    write_store(tmp_path / "s", stream([("你好", "好")]), encoder, max_length=64)
    store = TokenStore(tmp_path / "s", encoder)
    assert store[0].dtype == np.uint32
    assert list(store[0]) == encoder.encode(["你好", "好"])


def test_a_failing_write_leaves_the_old_store(
    make_store: MakeStore, tmp_path: Path, encoder: DialogueEncoder
) -> None:
    before = len(make_store(name="s"))

    def broken() -> Any:
        yield from stream([("你好", "好")])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_store(tmp_path / "s", broken(), encoder, max_length=64)
    assert len(TokenStore(tmp_path / "s", encoder)) == before


def test_another_vocabulary_is_refused(make_store: MakeStore, tmp_path: Path) -> None:
    make_store(name="s")
    other = DialogueEncoder(load_tokenizer(SHIPPED_VOCAB))
    with pytest.raises(StoreError, match=r"另一份词表.*；.*prepare"):
        TokenStore(tmp_path / "s", other)


def test_the_digest_tells_the_order_too(tmp_path: Path, vocab_file: Path) -> None:
    tokens = vocab_file.read_text("utf-8").split("\n")
    (tmp_path / "vocab.txt").write_text("\n".join([*tokens[:-2], tokens[-1], tokens[-2]]), "utf-8")
    digests = [
        vocab_digest(DialogueEncoder(load_tokenizer(path)))
        for path in (vocab_file, tmp_path / "vocab.txt", vocab_file)
    ]
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize("name", ["tokens.bin", "offsets.npy", "store.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_a_damaged_store_is_told_in_one_line(
    make_store: MakeStore, tmp_path: Path, encoder: DialogueEncoder, name: str, damage: str
) -> None:
    make_store(name="s")
    file = tmp_path / "s" / name
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes({"empty": b"", "cut": content[:-2], "other": b"[1, 2]"}[damage])
    with pytest.raises(StoreError, match=r"；.*prepare") as error:
        TokenStore(tmp_path / "s", encoder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("values", [{"format": 99}, {"dtype": "none such"}, {"vocab_sha256": None}])
def test_a_record_of_another_version_is_refused(
    make_store: MakeStore, tmp_path: Path, encoder: DialogueEncoder, values: dict[str, Any]
) -> None:
    record = make_store(name="s").record | values
    (tmp_path / "s" / "store.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(StoreError, match=r"；.*prepare"):
        TokenStore(tmp_path / "s", encoder)
