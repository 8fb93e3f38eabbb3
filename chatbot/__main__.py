"""``python -m chatbot chat | write | classify``: the models, in the terminal."""

import contextlib
import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from chatbot.errors import ChatbotError

app = typer.Typer(add_completion=False, help="小闲：在终端里聊天。")


@app.callback()
def commands() -> None:
    """小闲：在终端里聊天。"""


@app.command()
def chat(
    checkpoint: Annotated[
        Path | None, typer.Option(help="模型文件夹；不给就用自带的", show_default=False)
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="聊天记录接着写到这个文件；不给就存到 data/chats/", show_default=False),
    ] = None,
    known: Annotated[bool, typer.Option(help="也从模型自带的现成回答里挑")] = True,
    judge: Annotated[bool, typer.Option(help="回答出口前整句过一遍分类器")] = True,
) -> None:
    """聊天，边生成边显示，记得前面说过的话。"""
    # Imported here: the libraries behind the model take seconds, and --help should not.
    from chatbot.bot import Bot
    from chatbot.checkpoint import SHIPPED_CHECKPOINT
    from chatbot.classifier import SHIPPED_GUARD
    from chatbot.terminal import TerminalChat, Transcript

    transcript = Transcript(save)
    folder = checkpoint or SHIPPED_CHECKPOINT
    bot = Bot.from_checkpoint(folder, use_known=known, judge=SHIPPED_GUARD if judge else None)
    with contextlib.closing(bot):
        TerminalChat(bot, transcript).run()


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="放着 pytorch_model.bin 的文件夹")],
    out: Annotated[Path, typer.Argument(help="新的模型文件夹")],
) -> None:
    """把 pytorch_model.bin（GPT2-chitchat 的形式）转成 safetensors 的模型文件夹。"""
    from chatbot.convert import convert_checkpoint

    print(f"转好了：{convert_checkpoint(source, out)}")


@app.command()
def write(
    prompt: Annotated[str, typer.Argument(help="从哪里接着写；不给就另起一回")] = "",
    checkpoint: Annotated[
        Path | None, typer.Option(help="续写模型的文件夹；不给就用自带的", show_default=False)
    ] = None,
    length: Annotated[int | None, typer.Option(help="写多少个字", show_default="随模型")] = None,
    temperature: Annotated[
        float | None, typer.Option(help="越大越出人意料，0 到 2", show_default="随模型")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="只在最可能的几个字里选；0 为不限", show_default="随模型")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="只在累计概率达到它的字里选", show_default="随模型")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="随机种子；同样的种子写出同样的文字", show_default="随机")
    ] = None,
) -> None:
    """接着写小说，一个字一个字显示；Ctrl-C 停笔。"""
    from chatbot.novelist import SHIPPED_NOVELIST, Novelist

    novelist = Novelist.from_folder(checkpoint or SHIPPED_NOVELIST)
    given: dict[str, Any] = {
        "max_new_chars": length,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    pieces = novelist.write(prompt, replace(novelist.defaults, **chosen))
    with contextlib.suppress(KeyboardInterrupt):
        for piece in itertools.chain(prompt, pieces):
            print(piece, end="", flush=True)
    print()


@app.command()
def classify(
    texts: Annotated[
        list[str] | None, typer.Argument(help="要判的句子；不给就从标准输入读，一行一句")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="分类模型的文件夹；不给就用自带的", show_default=False)
    ] = None,
) -> None:
    """给句子分类，一句一行：类、概率、原句，制表符隔开。"""
    from chatbot.classifier import SHIPPED_GUARD, load_classifier

    classifier = load_classifier(checkpoint or SHIPPED_GUARD)
    lines = (line.decode("utf-8-sig", "replace") for line in sys.stdin.buffer)
    for text in map(str.strip, texts or lines):
        if text:
            (found,) = classifier.classify([text])
            print(f"{found.label}\t{found.probability:.3f}\t{text}", flush=True)


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line and exit code 2."""
    try:
        app()
    except (ChatbotError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
