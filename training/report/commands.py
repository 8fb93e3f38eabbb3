"""The commands ``report`` and ``rate`` of ``python -m training``."""

from pathlib import Path
from typing import Annotated

import typer

from chatbot.checkpoint import SHIPPED_CHECKPOINT
from chatbot.classifier import SHIPPED_GUARD
from training.recipe import PROVIDED_CORPUS


def report(
    checkpoint: Annotated[Path, typer.Option(help="模型文件夹")] = SHIPPED_CHECKPOINT,
    against: Annotated[
        Path | None, typer.Option(help="另一个模型文件夹，并排比较", show_default=False)
    ] = None,
    corpus: Annotated[Path, typer.Option(help="语料；考的是留出的那一边")] = PROVIDED_CORPUS,
    cdial: Annotated[
        Path | None,
        typer.Option(help="再给一个语料文件，最后 1,000 段也算困惑度", show_default=False),
    ] = None,
    cold: Annotated[
        Path | None,
        typer.Option(
            help="COLD 的标注文件，考安全用；一行一条“标签<制表符>文本”", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="写到哪里；不给就是 runs/report/模型名", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="随机种子；种子相同，成绩单就相同")] = 0,
    size: Annotated[int, typer.Option(help="困惑度几段、回复几句；记忆题是一半")] = 1000,
    known: Annotated[
        bool, typer.Option("--known/--no-known", help="用不用模型自带的已知回答")
    ] = True,
    judge: Annotated[
        bool, typer.Option("--judge/--no-judge", help="回复出口用不用随附的分类器")
    ] = True,
    openers: Annotated[
        Path | None, typer.Option(help="自己的评分题：一行一句开场白", show_default=False)
    ] = None,
    contexts: Annotated[
        Path | None,
        typer.Option(help="自己的评分题：几句上文，末句是人说的，段间空行", show_default=False),
    ] = None,
) -> None:
    """给模型出一份成绩单：困惑度、回复、记忆、安全、图、对话样例、盲评的评分表。"""
    # Imported here: matplotlib takes a second, and the other commands do without.
    from training.report.build import write_report
    from training.report.config import ReportConfig

    config = ReportConfig(
        checkpoint=checkpoint,
        against=against,
        corpus=corpus,
        cdial=cdial,
        cold=cold,
        judge=SHIPPED_GUARD if judge else None,
        out=out,
        seed=seed,
        size=size,
        use_known=known,
        openers=openers,
        contexts=contexts,
    )
    print(f"成绩单写好了：{write_report(config) / 'report.md'}")


def rate(
    sheets: Annotated[list[Path], typer.Argument(help="填好的评分表，一人一份")],
    key: Annotated[
        Path | None, typer.Option(help="ratings_key.json，给了就按模型分开", show_default=False)
    ] = None,
) -> None:
    """统计评分表：2、1、0 各占多少，几个人有多一致。"""
    from training.report.rate import rate_sheets

    print(rate_sheets(sheets, key))
