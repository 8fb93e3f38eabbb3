"""What filled sheets say, by hand, and sheets that do not fit together."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from training.report.rate import rate_sheets
from training.report.ratings import Row, SheetError, write_key, write_sheet

Sheet = Callable[..., Path]
KEY = {"r1": "新", "r2": "新", "r3": "旧", "r4": "旧"}


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    """Write a sheet of four rows with these ratings; keywords change it."""

    def make(
        name: str,
        ratings: Sequence[int | None],
        *,
        ids: Sequence[str] = tuple(KEY),
        reply: str = "b",
    ) -> Path:
        rows = [
            Row(row_id, "人：a", reply, given) for row_id, given in zip(ids, ratings, strict=True)
        ]
        write_sheet(tmp_path / name, rows)
        return tmp_path / name

    return make


@pytest.fixture
def key(tmp_path: Path) -> Path:
    write_key(tmp_path / "key.json", KEY)
    return tmp_path / "key.json"


def cells(text: str) -> dict[str, list[str]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows[2:]}


def test_two_raters_by_hand(sheet: Sheet) -> None:
    """The ratings of the κ that test_agreement.py computes; 2: five of eight, 0: three.

    Wilson of 5/8 with n = 4: 0.56377 ± 0.34434.
    """
    text = rate_sheets([sheet("a.tsv", [2, 2, 0, 2]), sheet("b.tsv", [2, 2, 0, 0])])
    assert cells(text) == {
        "全部": [
            "4",
            "62.5% [21.9%, 90.8%]",
            "0.0% [0.0%, 49.0%]",
            "37.5% [9.2%, 78.1%]",
            "1.25",
            "0.467",
        ]
    }
    assert "评分者 2 人" in text


def test_the_key_parts_the_systems(sheet: Sheet, key: Path) -> None:
    text = rate_sheets([sheet("a.tsv", [2, 2, 0, 1]), sheet("b.tsv", [2, 2, 1, 0])], key)
    found = cells(text)
    assert list(found) == ["新", "旧", "全部"]
    assert [row[0] for row in found.values()] == ["2", "2", "4"]
    assert [row[4] for row in found.values()] == ["2.00", "0.50", "1.25"]
    assert [row[5] for row in found.values()] == ["—", "-1.000", "0.200"]
    assert "所有评分都相同" in text


def test_rows_may_be_sorted_anew(sheet: Sheet, key: Path) -> None:
    first = sheet("a.tsv", [2, 1, 0, 1])
    turned = sheet("b.tsv", [1, 0, 1, 2], ids=["r4", "r3", "r2", "r1"])
    assert cells(rate_sheets([first, turned], key))["全部"][5] == "1.000"


def test_one_rater_has_no_kappa(sheet: Sheet) -> None:
    text = rate_sheets([sheet("a.tsv", [2, 1, 0, 1])])
    assert cells(text)["全部"][5] == "—"
    assert "再找人评一份" in text


def test_unfinished_sheets_name_the_first_line(sheet: Sheet) -> None:
    with pytest.raises(SheetError, match=r"a\.tsv:3: r2 没有评分（这样的共 2 行）；请填 0、1 或 2"):
        rate_sheets([sheet("a.tsv", [2, None, 0, None])])
    with pytest.raises(SheetError, match=r"b\.tsv:5: r4 没有评分；"):
        rate_sheets([sheet("a.tsv", [2, 2, 2, 2]), sheet("b.tsv", [2, 2, 2, None])])


def test_sheets_of_different_rows_are_refused(sheet: Sheet, key: Path) -> None:
    full = sheet("a.tsv", [2, 1, 0, 1])
    less = sheet("b.tsv", [2, 1, 0], ids=["r1", "r2", "r3"])
    other = sheet("c.tsv", [2, 1, 0, 1], ids=["r1", "r2", "r3", "r9"])
    changed = sheet("d.tsv", [2, 1, 0, 1], reply="c")
    with pytest.raises(SheetError, match=r"b\.tsv: 缺少 r4（.*a\.tsv 第 5 行）；请补上"):
        rate_sheets([full, less])
    with pytest.raises(SheetError, match=r"c\.tsv:5: .*a\.tsv 里没有 r9 这一行；"):
        rate_sheets([full, other])
    with pytest.raises(SheetError, match=r"d\.tsv:2: r1 的内容与 .*a\.tsv 第 2 行不同；"):
        rate_sheets([full, changed])
    with pytest.raises(SheetError, match=r"a\.tsv: 这份表给了两次；"):
        rate_sheets([full, full])
    with pytest.raises(SheetError, match=r"key\.json: 与 .*b\.tsv 对不上（例如 r4）；"):
        rate_sheets([less], key)
