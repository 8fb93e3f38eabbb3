"""The files of a report: card, plots, sample conversations, and the blind rating sheet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from training.corpora import Dialogue
from training.metrics.intervals import Estimate
from training.metrics.perplexity import per_character, per_token
from training.metrics.recall import recall_by_distance
from training.report.card import Subjects, write_card
from training.report.charts import draw_lengths, draw_perplexity, draw_recall
from training.report.examination import Material, written_figures
from training.report.markdown import shown
from training.report.ratings import SheetError, make_sheet, read_sheet, write_key, write_sheet
from training.report.safety import SafetyFigures

CARD, SAMPLES, SHEET, KEY = "report.md", "samples.txt", "ratings.tsv", "ratings_key.json"

Setting = Mapping[str, str]


def require_unrated(folder: Path) -> None:
    """Refuse to write over work.

    Raises:
        SheetError: the folder's rating sheet holds a rating, or was changed so that it is none.
    """
    sheet = folder / SHEET
    if sheet.exists() and any(row.rating is not None for row in read_sheet(sheet)):
        what = "里面已经有评分，没有覆盖；请把它移走，或用 --out 另给一个文件夹"
        raise SheetError(sheet, None, what)


def write_files(
    folder: Path,
    subjects: Subjects,
    material: Material,
    *,
    safety: Mapping[str, SafetyFigures],
    settings: Setting,
    seed: int,
) -> None:
    """Write all files of a report into a folder; those of the same names are replaced."""
    _draw(folder, subjects, material, seed)
    talks = {label: subject.examination.talks for label, subject in subjects.items()}
    _write(folder / SAMPLES, sample_text(material.conversations, talks))
    replies = {label: subject.examination.to_rate for label, subject in subjects.items()}
    rows, key = make_sheet(material.to_rate, replies, seed=seed)
    write_sheet(folder / SHEET, rows)
    write_key(folder / KEY, key)
    card = write_card(
        subjects,
        material,
        written_figures(material),
        safety=safety,
        settings=settings,
        seed=seed,
        machine=f"CPU，{torch.get_num_threads()} 个线程",
    )
    _write(folder / CARD, card)


def sample_text(
    conversations: Sequence[Dialogue], talks: Mapping[str, Sequence[Sequence[str]]]
) -> str:
    """Return the conversations one below another, and of each every system's."""
    blocks = []
    for place, dialogue in enumerate(conversations):
        lines = [f"# {place + 1}（{shown(dialogue.path)}:{dialogue.line}）"]
        for label, held in talks.items():
            lines += [f"## {label}"] if len(talks) > 1 else []
            voices = ("人", "小闲")
            lines += [f"{voices[turn % 2]}：{text}" for turn, text in enumerate(held[place])]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _draw(folder: Path, subjects: Subjects, material: Material, seed: int) -> None:
    found = {label: subject.examination for label, subject in subjects.items()}
    units = {"每 token": per_token, "每字": per_character}
    panels: dict[str, dict[str, dict[str, Estimate]]] = {}
    for unit, measure in units.items():
        panels[unit] = {label: {} for label in found}
        for label, item in found.items():
            for name, counted in item.likelihoods.items():
                whole = measure([count.whole for count in counted], seed=seed)
                bot = measure([count.bot for count in counted], seed=seed)
                panels[unit][label] |= {f"{name}\n全部": whole, f"{name}\n小闲的话": bot}
    draw_perplexity(folder / "perplexity.png", panels)
    recalled = {
        label: recall_by_distance(material.probes, item.recalls) for label, item in found.items()
    }
    draw_recall(folder / "recall.png", recalled)
    lengths = {
        label: [len(response.text) for response in item.responses] for label, item in found.items()
    }
    lengths["语料里的原话"] = [len(exchange.reference) for exchange in material.exchanges]
    draw_lengths(folder / "lengths.png", lengths)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
