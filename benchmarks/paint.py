"""``python -m benchmarks.paint``: how soon the chat page is painted, and what it weighs.

Each visit is a browser profile of its own, so nothing is kept from the one before; coming back is
a second load in the same profile.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.errors import BenchmarkError
from chatbot.checkpoint import SHIPPED_CHECKPOINT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

app = typer.Typer(add_completion=False)

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PAGE = Path(__file__).parents[1] / "api" / "page"
_WINDOW: Any = {"width": 1280, "height": 800}
_NEARLY_EMPTY = "data:text/html;charset=utf-8,<!doctype html><title>x</title><p>你好"
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_PAINT_TARGET, _SIZE_TARGET = 100, 60  # ms, KB


@contextmanager
def _service(checkpoint: Path) -> Iterator[str]:
    """The address of a service in a process of its own, with an empty database."""
    command = [sys.executable, "-m", "api", "--checkpoint", str(checkpoint), "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XIANLIAO_DATA_DIR": folder, "DATABASE_URL": ""}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(2)]
            if "http" not in lines[1]:
                raise BenchmarkError("服务没有起来，原因见上面")
            yield lines[1].split()[1]
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _browser() -> Iterator["Browser"]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise BenchmarkError(
            "量网页要 playwright；请运行 .venv/bin/pip install playwright"
        ) from None
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        raise BenchmarkError("量网页要 Chromium；请先安装，例如 apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def _painted(page: "Page") -> float:
    """Milliseconds from the start of the load to the first contentful paint."""
    return float(page.wait_for_function(_PAINTED).json_value())


def _visit(browser: "Browser", url: str) -> tuple[float, float, float, float]:
    """Milliseconds: a nearly empty page's paint; ours; until one can talk; when coming back."""
    context = browser.new_context(viewport=_WINDOW)
    page = context.new_page()
    page.goto(_NEARLY_EMPTY)
    empty = _painted(page)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#status[data-state=ready]")
    ready = float(page.evaluate("performance.now()"))
    first = _painted(page)
    page.goto(url)
    again = _painted(page)
    context.close()
    return empty, first, ready, again


def _sizes() -> tuple[float, float]:
    """KB of all files of the page: as they are sent, and as they are written."""
    contents = [file.read_bytes() for file in _PAGE.iterdir()]
    sent = sum(len(gzip.compress(content)) for content in contents)
    return sent / 1000, sum(map(len, contents)) / 1000


@app.command(help="聊天页第一次画出来要多久，有多大。")
def paint(
    visits: Annotated[int, typer.Option(help="去几次，取中位数", min=1)] = 15,
    checkpoint: Annotated[Path, typer.Option(help="服务用的检查点目录")] = SHIPPED_CHECKPOINT,
) -> None:
    """Print the medians, and the sizes."""
    with _browser() as browser, _service(checkpoint) as url:
        _visit(browser, url)  # wakes the browser and the service
        times = [_visit(browser, url) for _ in range(visits)]
    empty, first, ready, again = (median(column) for column in zip(*times, strict=True))
    fastest, slowest = (pick(visit[1] for visit in times) for pick in (min, max))
    sent, written = _sizes()
    print(
        f"首次绘制：{first:.0f} ms（{fastest:.0f}–{slowest:.0f}，{visits} 次，"
        f"目标 {_PAINT_TARGET}）；再来时 {again:.0f} ms；几乎空白的一页 {empty:.0f} ms"
    )
    print(f"能说话：{ready:.0f} ms")
    print(f"全部文件：传输 {sent:.1f} KB（gzip，目标 {_SIZE_TARGET}），原文 {written:.1f} KB")


def main() -> None:
    """Run the command line; what is missing ends in one line and exit code 2."""
    try:
        app()
    except BenchmarkError as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
