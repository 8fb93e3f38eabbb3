"""The held-out split: by opener, about 5 %, the same after every run, and without leaks."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from training.corpora import read_dialogues
from training.errors import CorpusError
from training.split import HELD_OUT, SHARE, is_held_out, opener_of, split_corpus

ALPHABET = "".join(chr(0x4E00 + place) for place in range(800))


def random_corpus(count: int, seed: int = 0) -> list[tuple[str, ...]]:
    rng = random.Random(seed)
    return [
        tuple("".join(rng.choices(ALPHABET, k=8)) + "。" for _ in range(4)) for _ in range(count)
    ]


def write(path: Path, dialogues: Sequence[tuple[str, ...]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n\n".join(map("\n".join, dialogues)) + "\n", encoding="utf-8")


def read(path: Path) -> list[tuple[str, ...]]:
    return [dialogue.utterances for dialogue in read_dialogues(path)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def held_out_opener(start: str = "") -> str:
    return next(f"{start}{n}号" for n in range(10_000) if is_held_out([f"{start}{n}号"]))


def trained_opener(start: str = "") -> str:
    return next(f"{start}{n}号" for n in range(10_000) if not is_held_out([f"{start}{n}号"]))


def test_share_is_about_five_percent() -> None:
    share = sum(map(is_held_out, random_corpus(20_000))) / 20_000
    assert abs(share - SHARE) < 0.005


def test_only_the_opener_decides_and_its_punctuation_does_not() -> None:
    opener = held_out_opener("OK")
    for variant in (opener, opener.lower(), f" {opener}！", f"{opener[:2]} {opener[2:]}？"):
        assert is_held_out([variant, "好。"])
    assert opener_of(["OK 好的！", "嗯。"]) == "ok好的"
    assert opener_of(["？？", "嗯。"]) == "？？"


def test_choice_does_not_change_between_versions() -> None:
    chosen = [number for number in range(200) if is_held_out([str(number)])]
    assert chosen == [29, 72, 90, 99, 115, 143, 195]


def test_split_moves_the_chosen_and_keeps_the_order(tmp_path: Path) -> None:
    dialogues = random_corpus(600)
    write(tmp_path / "a.txt", dialogues[:400])
    write(tmp_path / "b.txt", dialogues[400:])
    report = split_corpus(tmp_path)
    for name, part in (("a.txt", dialogues[:400]), ("b.txt", dialogues[400:])):
        assert read(tmp_path / name) == [item for item in part if not is_held_out(item)]
        assert read(tmp_path / HELD_OUT / name) == [item for item in part if is_held_out(item)]
    assert report.num_train + report.num_held_out == 600
    assert report.num_moved == report.num_held_out
    assert report.dropped == ()


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", random_corpus(400))
    first = split_corpus(tmp_path)
    before = contents(tmp_path)
    second = split_corpus(tmp_path)
    assert contents(tmp_path) == before
    assert (second.num_train, second.num_held_out) == (first.num_train, first.num_held_out)
    assert second.num_moved == 0


def test_grown_corpus_keeps_old_sides_and_sorts_the_new(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", random_corpus(400))
    split_corpus(tmp_path)
    old = read(tmp_path / HELD_OUT / "a.txt")
    new = random_corpus(200, seed=1)
    write(tmp_path / "a.txt", read(tmp_path / "a.txt") + new)
    split_corpus(tmp_path)
    assert read(tmp_path / HELD_OUT / "a.txt") == old + [item for item in new if is_held_out(item)]
    assert len(read(tmp_path / "a.txt")) + len(read(tmp_path / HELD_OUT / "a.txt")) == 600


def test_a_dialogue_on_the_wrong_side_comes_back(tmp_path: Path) -> None:
    trained = (trained_opener(), "好。", "嗯", "再见。")
    write(tmp_path / "a.txt", random_corpus(100))
    write(tmp_path / HELD_OUT / "a.txt", [trained])
    report = split_corpus(tmp_path)
    assert trained in read(tmp_path / "a.txt")
    assert trained not in read(tmp_path / HELD_OUT / "a.txt")
    assert report.num_moved >= 1


def test_interrupted_move_leaves_no_copy(tmp_path: Path) -> None:
    dialogues = random_corpus(400)
    write(tmp_path / "a.txt", dialogues)
    write(tmp_path / HELD_OUT / "a.txt", [item for item in dialogues if is_held_out(item)])
    report = split_corpus(tmp_path)
    assert report.num_train + report.num_held_out == 400


def test_near_duplicate_of_a_held_out_dialogue_leaves_training(tmp_path: Path) -> None:
    rest = ("今天在公园里看见一只白色的大狗", "它叫什么名字？", "叫雪球，可爱极了", "名字真配它。")
    held, trained = (held_out_opener(), *rest[1:]), (trained_opener(), *rest[1:])
    write(tmp_path / "a.txt", [trained, *random_corpus(300), held])
    report = split_corpus(tmp_path)
    assert [item.utterances for item in report.dropped] == [trained]
    assert "删去与留出近似的 1 段" in str(report)
    assert f"a.txt:1: 已删去“{' / '.join(trained)}”" in str(report)
    assert trained not in read(tmp_path / "a.txt")
    assert held in read(tmp_path / HELD_OUT / "a.txt")


def test_too_many_near_duplicates_stop_the_split_before_it_writes(tmp_path: Path) -> None:
    rest = ("它叫什么名字？", "叫雪球，可爱极了", "名字真配它。")
    held = (held_out_opener(), *rest)
    write(tmp_path / "a.txt", [(trained_opener(str(n)), *rest) for n in range(40)] + [held])
    before = contents(tmp_path)
    with pytest.raises(CorpusError, match="40 段训练对话"):
        split_corpus(tmp_path)
    assert contents(tmp_path) == before


def test_other_formats_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", random_corpus(10))
    (tmp_path / "b.jsonl").write_text('{"dialogue": ["在吗", "在。"]}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"\.txt"):
        split_corpus(tmp_path)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="没有语料"):
        split_corpus(tmp_path)


def test_generated_files_are_left_alone(tmp_path: Path) -> None:
    rest = ("它叫什么名字？", "叫雪球，可爱极了", "名字真配它。")
    held = (held_out_opener(), *rest)
    leaks = [(trained_opener(str(n)), *rest) for n in range(40)]
    write(tmp_path / "generated_a.txt", [*leaks, (held_out_opener("又"), *rest)])
    before = contents(tmp_path)
    written = [*random_corpus(100), held]
    write(tmp_path / "a.txt", written)
    report = split_corpus(tmp_path)
    after = contents(tmp_path)
    assert {path: after[path] for path in before} == before
    assert not (tmp_path / HELD_OUT / "generated_a.txt").exists()
    assert report.num_train + report.num_held_out == len(written)
    assert report.dropped == ()
    assert held in read(tmp_path / HELD_OUT / "a.txt")
