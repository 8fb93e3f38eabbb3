"""Blind rating sheets: replies in shuffled order, without the name of who gave them.

``ratings.tsv``       id, context, reply, rating (0, 1 or 2, empty at first), tabs between
``ratings_key.json``  row id -> who gave the reply; not for the raters' eyes

The scale is that of Wang et al. 2020, "A Large-Scale Chinese Short-Text Conversation Dataset":
2 fits and says something, 1 fits but would fit anywhere or has small faults, 0 does not fit.
"""

import csv
import json
import random
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import TrainingError
from training.exchanges import Exchange

COLUMNS = ("id", "context", "reply", "rating")
_ALLOWED = {"0": 0, "1": 1, "2": 2}


class SheetError(TrainingError):
    """A rating sheet or its key is missing, unfinished or broken; names file, line and remedy."""

    def __init__(self, path: Path, line: int | None, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}" if line is not None else f"{path}: {what}")


@dataclass(frozen=True)
class Row:
    """One row of a sheet: what was said, the reply to be rated, and its rating, None if empty."""

    id: str
    context: str
    reply: str
    rating: int | None = None
    line: int = 0


def make_sheet(
    exchanges: Sequence[Exchange], replies: Mapping[str, Sequence[str]], *, seed: int
) -> tuple[list[Row], dict[str, str]]:
    """Return the shuffled rows and the key, row id -> system.

    Args:
        replies: for each system its reply to each exchange.
    """
    mixed = [
        (system, _context(exchange), _one_line(reply))
        for system, given in replies.items()
        for exchange, reply in zip(exchanges, given, strict=True)
    ]
    random.Random(seed).shuffle(mixed)
    ids = [f"r{number:04d}" for number in range(1, len(mixed) + 1)]
    rows = [
        Row(row_id, context, reply) for row_id, (_, context, reply) in zip(ids, mixed, strict=True)
    ]
    return rows, {row_id: system for row_id, (system, _, _) in zip(ids, mixed, strict=True)}


def write_sheet(path: Path, rows: Iterable[Row]) -> None:
    """Write a sheet: UTF-8 with a byte order mark, by which spreadsheets know it."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, "excel-tab", lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            rating = "" if row.rating is None else str(row.rating)
            writer.writerow((row.id, row.context, row.reply, rating))


def read_sheet(path: Path) -> list[Row]:
    """Read a sheet, filled or not.

    Raises:
        SheetError: missing, not UTF-8, other columns, an id twice, a rating that is not 0, 1, 2.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, "excel-tab")
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except FileNotFoundError:
        raise SheetError(path, None, "找不到评分表；请检查路径") from None
    except UnicodeDecodeError:
        raise SheetError(path, None, "不是 UTF-8；请另存为 UTF-8、以制表符分隔的文本") from None
    except (OSError, csv.Error) as error:
        raise SheetError(path, None, f"读不了（{error}）；请检查文件") from None
    if not lines or tuple(cell.strip() for cell in lines[0][1]) != COLUMNS:
        what = f"第一行须是 {'、'.join(COLUMNS)}，用制表符分隔；请用成绩单写出的表，不要改动表头"
        raise SheetError(path, 1, what)
    rows = [_row(path, line, cells) for line, cells in lines[1:]]
    if not rows:
        raise SheetError(path, None, "表里没有要评的回复；请用成绩单写出的表")
    seen: dict[str, int] = {}
    for row in rows:
        if row.id in seen:
            what = f"编号 {row.id} 与第 {seen[row.id]} 行重复；请删去多出的一行"
            raise SheetError(path, row.line, what)
        seen[row.id] = row.line
    return rows


def write_key(path: Path, key: Mapping[str, str]) -> None:
    """Write the key of a sheet."""
    text = json.dumps({"systems": dict(key)}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read_key(path: Path) -> dict[str, str]:
    """Read a key: row id -> system.

    Raises:
        SheetError: missing, or not a key.
    """
    try:
        key = json.loads(path.read_text(encoding="utf-8"))["systems"]
    except FileNotFoundError:
        raise SheetError(path, None, "找不到对照表；请检查 --key 的路径") from None
    except (OSError, ValueError, KeyError, TypeError):
        key = None
    if not isinstance(key, dict) or not all(isinstance(name, str) for name in key.values()):
        what = "不是评分的对照表；请用与评分表一同写出的 ratings_key.json"
        raise SheetError(path, None, what)
    return key


def _row(path: Path, line: int, cells: list[str]) -> Row:
    if len(cells) == len(COLUMNS) - 1:  # an editor may drop the tab before an empty cell
        cells = [*cells, ""]
    if len(cells) != len(COLUMNS):
        what = f"这一行有 {len(cells)} 格，须是 {len(COLUMNS)} 格；请照原表改回来，只填 rating"
        raise SheetError(path, line, what)
    row_id, context, reply, given = cells
    rating = unicodedata.normalize("NFKC", given).strip()
    if rating and rating not in _ALLOWED:
        raise SheetError(path, line, f"评分是“{given}”；只能填 0、1、2")
    return Row(row_id.strip(), context, reply, _ALLOWED.get(rating), line)


def _context(exchange: Exchange) -> str:
    said = (*exchange.history, exchange.message)
    voices = ("人", "小闲")
    return " ｜ ".join(f"{voices[n % 2]}：{_one_line(text)}" for n, text in enumerate(said))


def _one_line(text: str) -> str:
    return " ".join(text.split())
