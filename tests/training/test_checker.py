"""The checker of a folder: figures, findings of each rule in place, and a readable report."""

from pathlib import Path

import pytest

from training.checker import check_corpus
from training.errors import CorpusError
from training.split import HELD_OUT, is_held_out

FIRST = ["今天下班路上看到彩虹了", "真好，几个颜色看清了吗？", "看清了，七个", "那你今天赚到啦。"]
SECOND = ["猫把花瓶推下去了", "碎了没有？", "碎了一地", "先别光脚走，扫干净再训它。"]
THIRD = ["外婆教我包粽子", "包成三角的还是枕头的？", "漏米的", "哈哈，漏米的煮成粥也香。"]


def write(folder: Path, *dialogues: list[str], name: str = "a.txt") -> Path:
    folder.mkdir(exist_ok=True)
    text = "\n\n".join("\n".join(dialogue) for dialogue in dialogues)
    (folder / name).write_text(text + "\n", encoding="utf-8")
    return folder


def found(folder: Path) -> list[tuple[str, int, str]]:
    findings = check_corpus(folder).findings
    return [(finding.path.name, finding.line, finding.rule) for finding in findings]


def on_side(held_out: bool, rest: list[str], start: str = "") -> list[str]:
    openers = (f"{start}第{number}回" for number in range(10_000))
    return [next(o for o in openers if is_held_out([o]) is held_out), *rest[1:]]


def test_good_folder_has_figures_and_no_findings(tmp_path: Path) -> None:
    write(tmp_path, FIRST, SECOND)
    write(tmp_path, THIRD, name="b.txt")
    report = check_corpus(tmp_path)
    assert report.findings == ()
    assert [(file.name, file.num_dialogues) for file in report.files] == [
        ("a.txt", 2),
        ("b.txt", 1),
    ]
    assert (report.total.num_dialogues, report.total.num_utterances) == (3, 12)
    characters = sum(len(text) for text in FIRST + SECOND + THIRD)
    assert report.total.num_characters == characters
    assert report.total.manner.shares["哈哈起头"] == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("碎了没有？", "碎了没有", ("a.txt", 7, "句尾")),
        ("碎了没有？", "我妈也养猫。", ("a.txt", 7, "亲友")),
        ("碎了没有？", " 碎了没有？", ("a.txt", 7, "空格")),
        ("碎了一地\n", "", ("a.txt", 6, "句数")),
        ("\n\n", "\n\n\n", ("a.txt", 6, "空行")),
    ],
)
def test_rules_of_line_and_file_are_applied(
    tmp_path: Path, old: str, new: str, expected: tuple[str, int, str]
) -> None:
    path = write(tmp_path, FIRST, SECOND) / "a.txt"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert expected in found(tmp_path)


def test_a_dialogue_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, FIRST, ["只有一句"])
    assert found(tmp_path) == [("a.txt", 6, "读取")]


def test_exact_copy_is_found_across_files(tmp_path: Path) -> None:
    write(tmp_path, FIRST, SECOND)
    write(tmp_path, [text.replace("，", "！") for text in SECOND], name="b.txt")
    assert found(tmp_path) == [("b.txt", 1, "重复")]


def test_retold_dialogue_is_found_across_files(tmp_path: Path) -> None:
    write(tmp_path, FIRST, SECOND)
    write(tmp_path, ["我家猫把花瓶推下去了", "碎了没有呀？", *SECOND[2:]], name="b.txt")
    assert found(tmp_path) == [("b.txt", 1, "近似")]


def test_habit_of_a_whole_file_is_found(tmp_path: Path) -> None:
    signs = [chr(0x4E00 + number) for number in range(400)]
    quartets = (signs[place : place + 4] for place in range(0, 400, 4))
    write(
        tmp_path, *([f"{a}{b}", f"{b}{c}吗？", f"{c}{d}", f"{d}{a}呢？"] for a, b, c, d in quartets)
    )
    assert ("a.txt", 1, "口吻") in found(tmp_path)


def test_sides_of_the_split_are_checked(tmp_path: Path) -> None:
    trained, held = on_side(False, FIRST), on_side(True, SECOND)
    write(tmp_path, trained)
    write(tmp_path / HELD_OUT, held)
    report = check_corpus(tmp_path)
    assert report.findings == ()
    assert [(file.num_dialogues, file.num_held_out) for file in report.files] == [(2, 1)]


def test_dialogue_on_the_wrong_side_is_found(tmp_path: Path) -> None:
    write(tmp_path, on_side(False, FIRST))
    write(tmp_path / HELD_OUT, on_side(False, SECOND, "又"))
    assert found(tmp_path) == [("a.txt", 1, "留出")]


def test_opener_on_both_sides_is_found(tmp_path: Path) -> None:
    held = on_side(True, SECOND)
    write(tmp_path, on_side(False, FIRST), [held[0] + "！", *THIRD[1:]])
    write(tmp_path / HELD_OUT, held)
    assert [rule for _, _, rule in found(tmp_path)] == ["留出", "开头"]


def test_weak_near_duplicate_is_found_only_across_the_split(tmp_path: Path) -> None:
    held, trained = on_side(True, SECOND), on_side(False, SECOND)
    trained[2:] = ["碎了", "先别光脚走，换双鞋再去扫。"]
    write(tmp_path, on_side(False, FIRST), trained)
    write(tmp_path / HELD_OUT, held)
    assert [rule for _, _, rule in found(tmp_path)] == ["泄漏"]
    write(tmp_path, trained, held)
    (tmp_path / HELD_OUT / "a.txt").unlink()
    (tmp_path / HELD_OUT).rmdir()
    assert found(tmp_path) == []


def test_report_is_readable(tmp_path: Path) -> None:
    write(tmp_path, FIRST, [*SECOND[:3], "先扫干净"])
    text = str(check_corpus(tmp_path))
    assert "| 合计" in text
    assert "a.txt:9: 【句尾】回答没有用标点或表情收尾：“先扫干净”" in text
    assert text.endswith("1 处要改")
    assert len({len(line.encode("gb18030")) for line in text.splitlines()[:4]}) == 1


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError):
        check_corpus(tmp_path)


def generated(folder: Path, *dialogues: list[str]) -> Path:
    return write(folder, *dialogues, name="generated_a.txt")


def test_likeness_sides_and_manner_of_generated_files_are_not_checked(tmp_path: Path) -> None:
    held = on_side(True, SECOND)
    write(tmp_path, on_side(False, FIRST))
    write(tmp_path / HELD_OUT, held)
    alike = [[f"{sign}{text}" for text in SECOND] for sign in "甲乙丙"]
    asking = [[f"{n}个人", f"{n}个人吗？", f"{n}个呢", f"{n}个呢？"] for n in range(60)]
    generated(tmp_path, [*held[:3], "先别光脚走，扫干净。"], *alike, *asking)
    report = check_corpus(tmp_path)
    assert report.findings == ()
    assert [file.name for file in report.files] == ["a.txt", "generated_a.txt"]
    assert report.total.num_dialogues == 2 + 1 + 3 + 60
    (tmp_path / "generated_a.txt").rename(tmp_path / "b.txt")
    assert {rule for _, _, rule in found(tmp_path)} == {"近似", "泄漏", "开头", "留出", "口吻"}


def test_form_and_facts_of_generated_files_are_checked(tmp_path: Path) -> None:
    generated(tmp_path, ["嗯", "碎了没有", "没有", "我妈也养猫。"])
    assert found(tmp_path) == [("generated_a.txt", 2, "句尾"), ("generated_a.txt", 4, "亲友")]


def test_exact_copies_are_found_in_generated_files_too(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    generated(tmp_path, SECOND, FIRST, [text + "！" for text in SECOND])
    copies = [("generated_a.txt", 6, "重复"), ("generated_a.txt", 11, "重复")]
    assert [place for place in found(tmp_path) if place[2] == "重复"] == copies
