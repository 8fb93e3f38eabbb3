"""``python -m benchmarks``: our engine and the peers, side by side."""

import sys
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from transformers.utils import logging

from benchmarks.errors import BenchmarkError
from benchmarks.machine import this_machine
from benchmarks.peers import PEERS
from benchmarks.perplexity import perplexities
from benchmarks.program import PERPLEXITY, ROWS, Program
from benchmarks.report import line, quality_line, render
from benchmarks.results import Quality, Results, load_results
from benchmarks.subjects import SUBJECTS, shipped
from chatbot.errors import ChatbotError
from training.errors import TrainingError
from training.exchanges import held_out_dialogues
from training.recipe import PROVIDED_CORPUS

app = typer.Typer(add_completion=False)

_RESULTS = Path(__file__).with_name("results.md")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


@app.command(help="我们的引擎和别的引擎轮流跑，列出倍数；可以分几次跑，结果并在一处。")
def bench(
    rows: Annotated[str, typer.Option(help="跑哪些行，逗号隔开")] = ",".join(ROWS),
    models: Annotated[str, typer.Option(help="用哪些模型，逗号隔开")] = ",".join(SUBJECTS),
    only: Annotated[str, typer.Option(help="只和谁比，逗号隔开")] = ",".join(PEERS),
    pairs: Annotated[int, typer.Option(help="每格跑几对", min=1)] = 5,
    threads: Annotated[int, typer.Option(help="各方用几个线程", min=1)] = 2,
    out: Annotated[Path, typer.Option(help="写到哪个文件；同名的 .json 存原始数字")] = _RESULTS,
) -> None:
    """Measure what was chosen and write the report after each figure."""
    if out.suffix != ".md" or out.is_dir():
        raise BenchmarkError(f"--out {out} 不可用；须是 .md 结尾的文件名")
    out.parent.mkdir(parents=True, exist_ok=True)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(threads)
    run = f"`python -m benchmarks {' '.join(sys.argv[1:])}`（{time.strftime('%Y-%m-%d %H:%M')}）"
    program = Program(
        rows=_names(rows),
        subjects=_names(models),
        peers=_names(only),
        num_pairs=pairs,
        num_threads=threads,
        run=run,
    )
    results = load_results(out.with_suffix(".json"), this_machine(threads))
    for figure in program.figures():
        results.add(figure)
        print(line(figure), flush=True)
        _write(results, out)
    if PERPLEXITY in program.rows:
        dialogues = [dialogue.utterances for dialogue in held_out_dialogues(PROVIDED_CORPUS)]
        results.quality = Quality(perplexities(*shipped(), dialogues), run)
        print(quality_line(results.quality.perplexities))
        _write(results, out)
    print(f"写好了：{out}")


def _write(results: Results, out: Path) -> None:
    results.save(out.with_suffix(".json"))
    out.write_text(render(results), encoding="utf-8")


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line and exit code 2."""
    try:
        app()
    except (BenchmarkError, ChatbotError, TrainingError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
