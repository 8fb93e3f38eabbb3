"""``python -m training COMMAND``: everything that makes a checkpoint and judges it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from chatbot.checkpoint import SHIPPED_CHECKPOINT
from chatbot.errors import ChatbotError
from training.base import train_base
from training.checker import check_corpus
from training.corpora import GENERATED, is_generated, write_dialogues
from training.dialogue_commands import dialogue, prepare
from training.errors import ConfigError, TrainingError
from training.exchanges import Exchange
from training.head.commands import guard, guard_test, head, head_compare
from training.memory.fillers import read_fillers
from training.memory.generate import generate
from training.novel.commands import novel, novel_compare
from training.parallel import leave_world
from training.ranking.ratings import RATINGS
from training.recipe import PROVIDED_CORPUS, read_recipe
from training.report.commands import rate, report
from training.respond import Responder
from training.samples import OPENERS
from training.split import split_corpus
from vocab.wordpiece import VocabError

app = typer.Typer(add_completion=False, help="训练：检查语料、准备、训练。")
BASE_RECIPE = Path(__file__).with_name("recipes") / "base.toml"
_INTERRUPTED = 130  # what typer makes of Ctrl+C


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="语料文件夹")] = PROVIDED_CORPUS) -> None:
    """检查语料：格式、重复、关于小闲的事实、说话习惯。"""
    report = check_corpus(folder)
    print(report)
    if report.findings:
        raise SystemExit(1)


@app.command()
def split(folder: Annotated[Path, typer.Argument(help="语料文件夹")] = PROVIDED_CORPUS) -> None:
    """按开场白的散列把 5 % 的对话移到 held_out/。"""
    print(split_corpus(folder))


@app.command()
def memory(
    count: Annotated[int, typer.Option(help="生成几段")],
    out: Annotated[Path, typer.Option(help="写到哪个文件，.txt 结尾")],
    seed: Annotated[int, typer.Option(help="随机种子")] = 0,
    corpus: Annotated[Path, typer.Option(help="插话取自哪个语料")] = PROVIDED_CORPUS,
) -> None:
    """生成练记性的对话：先说一件事，聊点别的，再问起来。"""
    if out.suffix != ".txt" or out.is_dir():
        raise ConfigError(f"--out {out} 不可用；须是 .txt 结尾的文件名")
    fillers = read_fillers(corpus)
    num_dialogues, num_utterances = write_dialogues(out, generate(count, seed, fillers))
    print(f"写好了：{out}，{num_dialogues:,} 段，{num_utterances:,} 句，插话 {len(fillers):,} 组")
    if not is_generated(out):
        print(f"文件名不以 {GENERATED} 开头：放进语料后会当作手写的来拆分和检查")


@app.command()
def samples(
    checkpoint: Annotated[Path, typer.Option(help="模型文件夹")] = SHIPPED_CHECKPOINT,
    known: Annotated[
        bool, typer.Option("--known/--no-known", help="用不用模型自带的现成回答")
    ] = True,
) -> None:
    """打印小闲对五句固定开场白的回答，种子固定。"""
    with Responder(checkpoint, use_known=known) as responder:
        longest = min(responder.params.max_new_tokens, responder.engine.max_length // 2)
        responder.params = replace(responder.params, max_new_tokens=longest)
        openers = [opener for opener in OPENERS if responder.can_answer(opener)]
        asked = [Exchange((), opener) for opener in openers]
        for opener, response in zip(openers, responder.respond(asked, seed=0), strict=True):
            print(f"{opener} → {response.text}")


@app.command()
def sweep(
    checkpoint: Annotated[Path, typer.Option(help="模型文件夹")] = SHIPPED_CHECKPOINT,
    corpus: Annotated[Path, typer.Option(help="语料；用的是留出的那一边")] = PROVIDED_CORPUS,
    out: Annotated[Path, typer.Option(help="表写到哪里")] = Path("runs/sweep.md"),
    size: Annotated[int, typer.Option(help="留出集取几句；记忆题是一半", min=20)] = 300,
    seed: Annotated[int, typer.Option(help="随机种子", min=0)] = 0,
) -> None:
    """试各种解码设置，列成两张表：排序的权重，采样的参数。"""
    from training.sweep import write_sweep

    print(f"写好了：{write_sweep(checkpoint, corpus, out, size=size, seed=seed)}")


@app.command()
def rank(
    checkpoint: Annotated[Path, typer.Option(help="模型文件夹")] = SHIPPED_CHECKPOINT,
    ratings: Annotated[Path, typer.Option(help="打过分的回答：文件或文件夹")] = RATINGS,
    out: Annotated[Path, typer.Option(help="表写到哪里")] = Path("runs/ranking.md"),
) -> None:
    """从打过分的回答拟合排序的权重，列出它们带来什么。"""
    from training.ranking.report import write_fit

    print(f"写好了：{write_fit(checkpoint, ratings, out)}")


@app.command()
def base(
    corpora: Annotated[Path, typer.Option(help="公开语料所在的文件夹")],
    recipe: Annotated[Path, typer.Option(help="配方")] = BASE_RECIPE,
    out: Annotated[Path, typer.Option(help="结果写到哪里")] = Path("runs/base"),
) -> None:
    """按配方训练随附的模型；停下后再运行一次就接着练。"""
    folder = train_base(read_recipe(recipe), corpora, out)
    print(f"练好了：{folder}")


app.command()(prepare)
app.command()(dialogue)
app.command()(report)
app.command()(rate)
app.command()(novel)
app.command()(novel_compare)
app.command()(head)
app.command("head-compare")(head_compare)
app.command()(guard)
app.command("guard-test")(guard_test)


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line and exit code 2."""
    try:
        app()
        leave_world()
    except (TrainingError, ChatbotError, VocabError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("\n已停下；加 RESUME=1 从上次存盘接着练", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
