"""From corpus files to the two token stores."""

import json
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from chatbot.dialogue import DialogueEncoder
from training.bulk import BulkEncoder
from training.clean import Cleaner
from training.errors import ConfigError, CorpusError
from training.prepare import prepare_corpus, print_report
from training.split import is_held_out
from training.store import TokenStore

Dialogues = Sequence[Sequence[str]]


def texts(folder: Path, encoder: DialogueEncoder) -> list[str]:
    """The dialogues of a store as text, [SEP] left out."""
    store = TokenStore(folder, encoder)
    return [encoder.decode(store[index].tolist()) for index in range(len(store))]


def write(path: Path, dialogues: Dialogues) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join("\n".join(dialogue) for dialogue in dialogues), "utf-8")
    return path


def test_a_folder_s_held_out_part_is_the_validation_set(
    corpus: Path, tmp_path: Path, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    prepared = prepare_corpus(corpus, tmp_path / "stores", encoder, max_length=64)
    assert (prepared.train, prepared.valid) == (
        tmp_path / "stores" / "train",
        tmp_path / "stores" / "valid",
    )
    assert texts(prepared.train, encoder) == ["".join(dialogue) for dialogue in dialogues]
    assert len(texts(prepared.valid, encoder)) == prepared.valid_report.num_dialogues == 2
    assert prepared.train_report.num_dialogues == len(dialogues)


def test_without_one_a_part_is_held_out_by_its_opener(
    tmp_path: Path, encoder: DialogueEncoder
) -> None:
    characters = "你好呀今天累早点睡吧的晚安明见"
    dialogues = [
        (characters[k % 15] + characters[k // 15], "睡吧" * (1 + k % 2)) for k in range(225)
    ]
    corpus = write(tmp_path / "a.txt", dialogues)
    prepared = prepare_corpus(corpus, tmp_path / "stores", encoder, max_length=64)
    valid = texts(prepared.valid, encoder)
    assert valid == ["".join(texts) for texts in dialogues if is_held_out(texts)]
    assert 0 < len(valid) < 30
    assert len(texts(prepared.train, encoder)) + len(valid) == len(dialogues)


def test_all_files_and_formats_of_a_folder_are_read(
    tmp_path: Path, encoder: DialogueEncoder
) -> None:
    folder = tmp_path / "corpus"
    write(folder / "held_out" / "a.txt", [("晚安", "好")])
    write(folder / "a.txt", [("你好", "好")])
    (folder / "b.json.xz").write_bytes(lzma.compress(json.dumps([["天气", "好"]]).encode()))
    (folder / "c.jsonl").write_text('{"dialogue": ["累", "睡吧"]}', "utf-8")
    (folder / "README.md").write_text("a corpus", "utf-8")
    prepared = prepare_corpus(folder, tmp_path / "stores", encoder, max_length=64)
    assert texts(prepared.train, encoder) == ["你好好", "天气好", "累睡吧"]


def test_what_the_gate_drops_is_counted_on_its_side(
    tmp_path: Path, encoder: DialogueEncoder
) -> None:
    good, phone, held = ("你好", "好"), ("打13800138000吧", "好"), ("晚安", "好")
    write(tmp_path / "corpus" / "a.txt", [good, phone, good, phone])
    write(tmp_path / "corpus" / "held_out" / "a.txt", [held, held, ("打13900139000", "好")])
    prepared = prepare_corpus(tmp_path / "corpus", tmp_path / "stores", encoder, max_length=64)
    assert texts(prepared.valid, encoder) == ["晚安好"]
    dropped = {
        side: json.loads((tmp_path / "stores" / side / "store.json").read_text("utf-8"))["dropped"]
        for side in ("train", "valid")
    }
    assert dropped == {
        "train": {"含个人信息": 2, "完全重复": 1},
        "valid": {"含个人信息": 1, "完全重复": 1},
    }
    assert prepared.cleaner.dropped.total() == 5


def test_no_opener_stands_on_both_sides(tmp_path: Path, encoder: DialogueEncoder) -> None:
    write(tmp_path / "corpus" / "a.txt", [("你好！", "好"), ("累", "睡吧"), ("你 好", "好呀")])
    write(tmp_path / "corpus" / "held_out" / "a.txt", [("你好", "你好呀")])
    prepared = prepare_corpus(tmp_path / "corpus", tmp_path / "stores", encoder, max_length=64)
    assert texts(prepared.train, encoder) == ["累睡吧"]
    assert ("丢弃：训练里与留出同一开场白", 2) in prepared.counts()


def test_the_report_tells_counts_and_reasons(
    tmp_path: Path, encoder: DialogueEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    written = [
        ("你好", "好"),
        ("你好", "好"),
        ("累", "睡吧早点睡吧好吗你"),
        ("打13800138000", "好"),
    ]
    write(tmp_path / "corpus" / "a.txt", written)
    write(tmp_path / "corpus" / "held_out" / "a.txt", [("晚安", "好")])
    prepared = prepare_corpus(
        tmp_path / "corpus", tmp_path / "s", encoder, max_length=8, num_examples=1
    )
    print_report(prepared)
    told = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines()]
    assert ["训练", "1", "2", "6", "0", "2"] in rows
    assert ["留出", "1", "2", "6", "0", "0"] in rows
    assert ["丢弃：完全重复", "1"] in rows
    assert "".join(told.split()).count("a.txt:10:打13800138000/好") == 1
    kept = (tmp_path / "s" / "prepared.md").read_text("utf-8")
    assert "| 训练 | 1 | 2 | 6 | 0 | 2 |" in kept
    assert "| 丢弃：含个人信息 | 1 |" in kept


def test_without_the_gate_everything_is_taken(tmp_path: Path, encoder: DialogueEncoder) -> None:
    write(tmp_path / "corpus" / "a.txt", [("你好", "好"), ("你好", "好"), ("打13800138000", "好")])
    write(tmp_path / "corpus" / "held_out" / "a.txt", [("晚安", "好")])
    prepared = prepare_corpus(
        tmp_path / "corpus", tmp_path / "s", encoder, max_length=64, clean=False
    )
    assert prepared.train_report.num_dialogues == 3
    assert prepared.counts() == []


def test_nothing_left_to_train_on_or_to_hold_out(tmp_path: Path, encoder: DialogueEncoder) -> None:
    phone = write(tmp_path / "phone.txt", [("打13800138000吧", "好")])
    with pytest.raises(CorpusError, match=r"phone\.txt: .*没有剩下可训练的对话；"):
        prepare_corpus(phone, tmp_path / "s", encoder, max_length=64)
    assert not is_held_out(("你好", "好"))
    single = write(tmp_path / "single.txt", [("你好", "好")])
    with pytest.raises(CorpusError, match=r"single\.txt: 对话太少，留不出验证集；"):
        prepare_corpus(single, tmp_path / "s", encoder, max_length=64)


def test_a_broken_file_is_named_with_its_line(corpus: Path, encoder: DialogueEncoder) -> None:
    write(corpus / "b.txt", [("你好", "好"), ("在吗",)])
    with pytest.raises(CorpusError, match=r"b\.txt:4: 这段对话只有一句"):
        prepare_corpus(corpus, corpus / "stores", encoder, max_length=64)


def test_a_window_without_room_for_a_turn_is_refused(
    corpus: Path, encoder: DialogueEncoder
) -> None:
    with pytest.raises(ConfigError, match="max_length=7 不可用；须至少是 8"):
        prepare_corpus(corpus, corpus / "stores", encoder, max_length=7)


def test_memory_holds_no_more_than_a_batch_of_dialogues(
    tmp_path: Path, encoder: DialogueEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream is pulled, not collected: the gate never runs far ahead of the store."""
    monkeypatch.setattr("training.store._BATCH", 3)
    written, ahead = [], []
    clean = Cleaner.clean

    def watching(self: Cleaner, dialogues: object) -> object:
        for item in clean(self, dialogues):  # type: ignore[arg-type]
            ahead.append(item)
            yield item

    encode = BulkEncoder.encode

    def encoding(self: BulkEncoder, texts: Sequence[str]) -> list[NDArray[Any]]:
        written.append(len(ahead))
        return encode(self, texts)

    monkeypatch.setattr(Cleaner, "clean", watching)
    monkeypatch.setattr(BulkEncoder, "encode", encoding)
    characters = "你好呀今天累早点睡吧的晚安明见"
    write(tmp_path / "corpus" / "a.txt", [(c, "好") for c in characters[:7]])
    write(tmp_path / "corpus" / "held_out" / "a.txt", [("晚安", "好")])
    prepare_corpus(tmp_path / "corpus", tmp_path / "s", encoder, max_length=64)
    assert written == [3, 6, 7, 8]
