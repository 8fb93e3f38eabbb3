"""paint.py: what it says where it cannot measure, and what the page weighs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.paint import _sizes, main


def test_without_a_browser_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, run_main: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    code, output, errors = run_main(main, "--checkpoint", Path("none"))
    assert (code, output) == (2, "")
    assert errors.startswith("错误：量网页要")
    assert len(errors.splitlines()) == 1


def test_a_page_weighs_less_on_the_way() -> None:
    sent, written = _sizes()
    assert 10 < sent < written
