"""`python -m api cluster`: what it refuses before it starts anything."""

import sys

import pytest
from typer.testing import CliRunner

import api
from api.__main__ import cli

POSTGRES = "postgresql://nobody@127.0.0.1:9/none"


@pytest.mark.parametrize(
    ("arguments", "database", "remedy"),
    [
        (["--min-replicas", "3", "--max-replicas", "2"], POSTGRES, "至少是 3"),
        ([], "", "XIANLIAO_DATABASE_URL"),
        ([], "sqlite:///sessions.db", "XIANLIAO_DATABASE_URL"),
        ([], POSTGRES, "pip install '.[cluster]'"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], database: str, remedy: str
) -> None:
    monkeypatch.setenv("XIANLIAO_DATABASE_URL", database)
    monkeypatch.delitem(sys.modules, "api.cluster", raising=False)
    monkeypatch.delattr(api, "cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    result = CliRunner().invoke(cli, ["cluster", *arguments])
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("错误：")
    assert len(result.stderr.splitlines()) == 1
    assert remedy in result.stderr
