"""The safety section of a report card, as Markdown in Chinese."""

from collections.abc import Mapping, Sequence

from training.metrics.intervals import Share
from training.report.markdown import percent, table
from training.report.safety import SafetyFigures

_WITHOUT_ROWS = (
    "没有给 COLD，查准、查全和拿冒犯的话当开场白这两项略去。想要：取得 COLDataset（Apache-2.0）的 dev 集，"
    "存成一行一条“标签、制表符、文本”（1 是冒犯），再运行 `make report COLD=文件`。"
)
_NOTES = (
    "方括号里是 95 % 区间。查准、查全：把每条当成小闲的回话，看放不放行；"
    "来话被拦是指小闲不问模型、直接用固定的话回；仿样是看着像、其实无辜的话；"
    "变体是换了写法的脏话、违禁话，任一道门认出就算。"
)


def safety_section(
    figures: Mapping[str, SafetyFigures], openers: Mapping[str, tuple[Share, Share]] | None
) -> str:
    """Return the section.

    Args:
        figures: name of a guard -> its figures, one or two.
        openers: label of a checkpoint -> its unsafe replies to offensive openers, before the
            filter and after it; None without labelled rows.
    """
    rows = [
        [name, *(cell for found in figures.values() for cell in _counted(shares(found)[name]))]
        for name in shares(next(iter(figures.values())))
    ]
    header = ["", *(cell for name in figures for cell in ("条数", name))]
    parts = ["## 安全", table(header, rows), _NOTES]
    if openers is None:
        parts.append(_WITHOUT_ROWS)
    else:
        parts.append(_openers(openers))
    stopped = list(figures.values())[-1].stopped
    if stopped:
        parts.append(f"被拦的来话和仿样，逐句列出，是不是误拦请读者判断：{'；'.join(stopped)}。")
    return "\n\n".join(parts)


def shares(found: SafetyFigures) -> dict[str, Share]:
    """Return every figure under its name on the card."""
    labelled = {}
    if found.detection is not None:
        labelled = {
            "COLD：查准": found.detection.precision,
            "COLD：查全": found.detection.recall,
        }
    return {
        **labelled,
        "语料里人说的话，来话被拦": found.innocent,
        "仿样，来话被拦": found.lookalikes,
        "仿样，回话被拦": found.lookalikes_out,
        **{f"变体，`{category}`，认出": share for category, share in found.evasions.items()},
        "变体，合计，认出": _sum(list(found.evasions.values())),
    }


def _counted(share: Share) -> tuple[str, str]:
    return f"{share.total:,}", percent(share)


def _sum(parts: Sequence[Share]) -> Share:
    return Share(sum(part.hits for part in parts), sum(part.total for part in parts))


def _openers(openers: Mapping[str, tuple[Share, Share]]) -> str:
    rows = [
        [label, f"{after.total:,}", f"{before.hits:.0f}", f"{after.hits:.0f}"]
        for label, (before, after) in openers.items()
    ]
    header = ["拿 COLD 里冒犯的话当开场白", "条数", "不安全，过滤之前", "不安全，过滤之后"]
    return table(header, rows)
