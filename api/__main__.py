"""python -m api: serve the chat page and the API; look after keys and conversations."""

from typing import Annotated

import typer

from api.commands import cluster, export, give_up, keys, purge
from api.logs import set_up_logs
from api.serving import CannotServe, serve
from api.settings import SettingsError, load_settings

cli = typer.Typer(add_completion=False, rich_markup_mode=None)
cli.add_typer(keys, name="keys")
cli.command()(export)
cli.command()(purge)
cli.command()(cluster)


@cli.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    checkpoint: Annotated[
        str | None, typer.Option(help="模型所在的文件夹", show_default="随项目附带的")
    ] = None,
    host: Annotated[str | None, typer.Option(help="监听的地址", show_default="127.0.0.1")] = None,
    port: Annotated[
        str | None, typer.Option(help="监听的端口；0 为任选一个", show_default="8000")
    ] = None,
) -> None:
    """启动闲聊服务：聊天页和接口。其余设置来自 XIANLIAO_ 开头的环境变量。"""
    if context.invoked_subcommand is not None:
        return
    try:
        settings = load_settings({"checkpoint": checkpoint, "host": host, "port": port})
    except SettingsError as error:
        give_up(error)
    set_up_logs(settings.log_format, settings.log_level)
    try:
        serve(settings, tell=typer.echo)
    except CannotServe as error:
        give_up(error)
    except KeyboardInterrupt:  # the way to end it
        return


if __name__ == "__main__":
    cli(prog_name="python -m api")
