"""python -m api: serve the chat page and the API."""

import logging
from typing import Annotated, NoReturn

import typer

from api.serving import CannotServe, serve
from api.settings import SettingsError, load_settings

_BAD_START = 2
cli = typer.Typer(add_completion=False, rich_markup_mode=None)


@cli.command()
def main(
    checkpoint: Annotated[
        str | None, typer.Option(help="模型所在的文件夹", show_default="随项目附带的")
    ] = None,
    host: Annotated[str | None, typer.Option(help="监听的地址", show_default="127.0.0.1")] = None,
    port: Annotated[
        str | None, typer.Option(help="监听的端口；0 为任选一个", show_default="8000")
    ] = None,
) -> None:
    """启动闲聊服务：聊天页和接口。其余设置来自 XIANLIAO_ 开头的环境变量。"""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings({"checkpoint": checkpoint, "host": host, "port": port})
    except SettingsError as error:
        _give_up(error)
    try:
        serve(settings, tell=typer.echo)
    except CannotServe as error:
        _give_up(error)
    except KeyboardInterrupt:  # the way to end it
        return


def _give_up(error: Exception) -> NoReturn:
    typer.echo(f"错误：{error}", err=True)
    raise typer.Exit(_BAD_START)


if __name__ == "__main__":
    cli(prog_name="python -m api")
