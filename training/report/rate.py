"""What filled rating sheets say: shares of 2, 1 and 0, and how far the raters agree."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from training.metrics.agreement import RATINGS, fleiss_kappa, rating_shares
from training.report.markdown import NOTHING, number, percent, table
from training.report.ratings import Row, SheetError, read_key, read_sheet

_ALL = "全部"


def rate_sheets(sheets: Sequence[Path], key: Path | None = None) -> str:
    """Return a Markdown table over filled sheets, one a rater; by system when a key is given.

    Raises:
        SheetError: a sheet is broken, unfinished or given twice, two sheets differ in their rows, or the key
            does not belong to them; names file, line and remedy.
    """
    filled: dict[Path, dict[str, Row]] = {}
    for path in sheets:
        if path in filled:
            raise SheetError(path, None, "这份表给了两次；一个人的评分只算一次")
        filled[path] = _filled(path)
    first = next(iter(filled))
    for path, rows in filled.items():
        _require_equal(first, filled[first], path, rows)
    ratings = {row_id: [rows[row_id] for rows in filled.values()] for row_id in filled[first]}
    numbers = {row_id: _numbers(rows) for row_id, rows in ratings.items()}
    groups = _by_system(numbers, first, key) if key is not None else {_ALL: list(numbers.values())}
    return _report(groups, num_raters=len(filled))


def _filled(path: Path) -> dict[str, Row]:
    rows = read_sheet(path)
    empty = [row for row in rows if row.rating is None]
    if empty:
        more = f"（这样的共 {len(empty)} 行）" if len(empty) > 1 else ""
        raise SheetError(path, empty[0].line, f"{empty[0].id} 没有评分{more}；请填 0、1 或 2")
    return {row.id: row for row in rows}


def _require_equal(
    first: Path, expected: Mapping[str, Row], path: Path, rows: Mapping[str, Row]
) -> None:
    """Raise unless two sheets hold the same rows, in whatever order."""
    for row in rows.values():
        twin = expected.get(row.id)
        if twin is None:
            what = f"{first} 里没有 {row.id} 这一行；几份表须出自同一份成绩单"
            raise SheetError(path, row.line, what)
        if (row.context, row.reply) != (twin.context, twin.reply):
            what = f"{row.id} 的内容与 {first} 第 {twin.line} 行不同；请照原表改回来，只填 rating"
            raise SheetError(path, row.line, what)
    for row in expected.values():
        if row.id not in rows:
            what = f"缺少 {row.id}（{first} 第 {row.line} 行）；请补上这一行"
            raise SheetError(path, None, what)


def _numbers(rows: Sequence[Row]) -> list[int]:
    return [row.rating for row in rows if row.rating is not None]


def _by_system(
    ratings: Mapping[str, list[int]], sheet: Path, key_file: Path
) -> dict[str, list[list[int]]]:
    key = read_key(key_file)
    odd = sorted(set(key) ^ set(ratings))
    if odd:
        what = f"与 {sheet} 对不上（例如 {odd[0]}）；请用同一次成绩单写出的对照表"
        raise SheetError(key_file, None, what)
    groups: dict[str, list[list[int]]] = {}
    for row_id in sorted(ratings):
        groups.setdefault(key[row_id], []).append(ratings[row_id])
    if len(groups) > 1:
        groups = {name: groups[name] for name in sorted(groups)} | {_ALL: list(ratings.values())}
    return groups


def _report(groups: Mapping[str, Sequence[Sequence[int]]], *, num_raters: int) -> str:
    header = ["", "回复", *(f"{rating} 分" for rating in RATINGS), "平均分", "Fleiss κ"]
    kappas = {name: fleiss_kappa(ratings) for name, ratings in groups.items()}
    rows = []
    for name, ratings in groups.items():
        shares = rating_shares(ratings)
        mean = sum(rating * share.estimate.value for rating, share in shares.items())
        kappa = kappas[name]
        agreement = NOTHING if kappa is None else number(kappa, 3)
        given = map(percent, shares.values())
        rows.append([name, str(len(ratings)), *given, number(mean), agreement])
    notes = [
        f"评分者 {num_raters} 人；方括号里是 95 % Wilson 区间，按回复数计，几个人的评分先取平均。",
        "κ 是 Fleiss 1971：1 是完全一致，0 是与随意打分无异。",
    ]
    if num_raters < 2:
        notes.append("只有一份表，算不出 κ；请再找人评一份。")
    elif None in kappas.values():
        notes.append("“—”处所有评分都相同，κ 没有意义。")
    return "\n".join([table(header, rows), "", *notes])
