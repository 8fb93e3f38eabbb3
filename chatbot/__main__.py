"""``python -m chatbot chat``: talk with a checkpoint in the terminal."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

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
) -> None:
    """聊天，边生成边显示，记得前面说过的话。"""
    # Imported here: the libraries behind the model take seconds, and --help should not.
    from chatbot.bot import Bot
    from chatbot.checkpoint import SHIPPED_CHECKPOINT
    from chatbot.terminal import TerminalChat, Transcript

    transcript = Transcript(save)
    folder = checkpoint or SHIPPED_CHECKPOINT
    with contextlib.closing(Bot.from_checkpoint(folder, use_known=known)) as bot:
        TerminalChat(bot, transcript).run()


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="放着 pytorch_model.bin 的文件夹")],
    out: Annotated[Path, typer.Argument(help="新的模型文件夹")],
) -> None:
    """把 pytorch_model.bin（GPT2-chitchat 的形式）转成 safetensors 的模型文件夹。"""
    from chatbot.convert import convert_checkpoint

    print(f"转好了：{convert_checkpoint(source, out)}")


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line and exit code 2."""
    try:
        app()
    except (ChatbotError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
