"""``report``: one or two checkpoints → card, plots, sample conversations, blind rating sheet."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from chatbot.checkpoint import WEIGHTS
from chatbot.safety.guard import Guard
from training.report.card import Subject
from training.report.config import ReportConfig
from training.report.examination import Examination, Material, examine
from training.report.files import Setting, require_unrated, write_files
from training.report.markdown import shown
from training.report.material import gather
from training.report.safety import SafetyFigures, measure_safety
from training.respond import Responder

REPORTS = Path("runs/report")


def write_report(config: ReportConfig) -> Path:
    """Examine the checkpoints and write everything; return the folder. Takes minutes.

    Raises:
        CheckpointError, CorpusError, ConfigError: name file or value and the remedy.
        SheetError: the folder holds a rating sheet that someone has begun to fill.
    """
    folders = [config.checkpoint, *([config.against] if config.against else [])]
    with ExitStack() as stack:
        responders = [
            stack.enter_context(Responder(folder, use_known=config.use_known, judge=config.judge))
            for folder in folders
        ]
        names = [responder.bot.name for responder in responders]
        out = config.out or REPORTS / "_vs_".join(name.replace("/", "_") for name in names)
        require_unrated(out)
        labels = _labels(folders, names)
        material = gather(config, responders)
        out.mkdir(parents=True, exist_ok=True)  # better now than after minutes
        found = _examine(dict(zip(labels, responders, strict=True)), material, config.seed)
        subjects = {
            label: Subject(facts=_facts(folder, responder), examination=found[label])
            for label, folder, responder in zip(labels, folders, responders, strict=True)
        }
        safety = _safety(responders[0].bot.guard, material)
    settings = _settings(config, material)
    write_files(out, subjects, material, safety=safety, settings=settings, seed=config.seed)
    return out


def _labels(folders: Sequence[Path], names: Sequence[str]) -> list[str]:
    """Return different labels: the names, the folders where these are equal, or a mark."""
    for labels in (list(names), [shown(folder) for folder in folders]):
        if len(set(labels)) == len(labels):
            return labels
    return [names[0], f"{names[1]}（对照）"]


def _examine(
    responders: Mapping[str, Responder], material: Material, seed: int
) -> dict[str, Examination]:
    """Examine one checkpoint after the other, telling how far it is."""
    found = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TextColumn("句"), TimeRemainingColumn()) as progress:
        for label, responder in responders.items():
            task = progress.add_task(label, total=material.num_replies)

            def tell(count: int, task: TaskID = task) -> None:
                progress.advance(task, count)

            found[label] = examine(responder, material, seed=seed, tell=tell)
    return found


def _safety(guard: Guard, material: Material) -> dict[str, SafetyFigures]:
    """Return the figures of the words alone and, where there is a classifier, of both."""
    guards = {"只用词表": guard.without_classifier()}
    if guard.has_classifier:
        guards["词表加分类器"] = guard
    return {name: measure_safety(item, material.safety) for name, item in guards.items()}


def _facts(folder: Path, responder: Responder) -> dict[str, str]:
    checkpoint = responder.checkpoint
    digest = checkpoint.manifest["sha256"].get(WEIGHTS, "")
    parameters = ", ".join(f"{key}={value}" for key, value in vars(responder.params).items())
    return {
        "目录": shown(folder),
        "名字": responder.bot.name,
        "权重的 SHA-256": digest[:12] or "未记",
        "参数量": f"{checkpoint.model.num_parameters():,}",
        "词表": f"{len(checkpoint.tokenizer):,}",
        "自带的生成参数": parameters,
        "自带的已知回答": f"{len(checkpoint.known):,}",
    }


def _settings(config: ReportConfig, material: Material) -> Setting:
    prompts = [str(path) for path in (config.openers, config.contexts) if path]
    return {
        "种子": str(config.seed),
        "语料": shown(config.corpus),
        "每项最多": f"{config.size:,} 条",
        "回复": f"{len(material.exchanges):,} 条",
        "记忆题": f"{len(material.probes):,} 道",
        "已知回答": "用" if config.use_known else "不用",
        "评分的题目出自": "、".join(prompts) or "留出的对话",
    }
