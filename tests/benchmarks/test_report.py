"""The Markdown, for figures that are given."""

from benchmarks.machine import Machine
from benchmarks.perplexity import Perplexities
from benchmarks.race import Race
from benchmarks.report import line, quality_line, render
from benchmarks.results import Figure, Quality, Results

MACHINE = Machine("Some CPU", 4, 2, ("avx512_vnni", "amx_int8"), "", ("torch==2.13.0",))


def figure(
    subject: str, workload: str, peer: str, race: Race, ceiling: float | None = None
) -> Figure:
    return Figure(
        subject=subject,
        workload=workload,
        peer=peer,
        race=race,
        precision="int8",
        ceiling=ceiling,
        run=f"`{workload}`",
    )


# One stream is four calls of 32 tokens; the ratios of this race are 2, 1.5 and 4.
ONE = figure("chitchat", "1", "ctranslate2", Race((1.0, 2.0, 0.5), (2.0, 3.0, 2.0)), 234.5)
EIGHT = figure("chitchat", "8", "ctranslate2", Race((1.0,), (1.99,)))
FIRST = figure("chitchat-512", "turn5", "generate-fp32", Race((0.08,), (0.8,)))
SMALL = figure("shipped", "32", "generate-bf16", Race((0.5,), (0.25,)))


def test_a_row_shows_medians_range_target_and_ceiling() -> None:
    rows = render(Results(MACHINE, [ONE])).splitlines()
    assert (
        "| 1 路 | CTranslate2 int8 | 128 词元/秒 | 64 词元/秒 | 2.00（1.50–4.00） "
        "| ≥ 1.2，达到 | 234 词元/秒 |"
    ) in rows


def test_the_ceiling_of_a_workload_is_the_highest_that_was_found() -> None:
    busy = figure("chitchat", "1", "no-cache", Race((1.0,), (9.0,)), 99.0)
    text = render(Results(MACHINE, [ONE, busy, EIGHT]))
    assert text.count("| 234 词元/秒 |") == 2
    assert "99 词元/秒" not in text


def test_a_missed_target_is_told() -> None:
    text = render(Results(MACHINE, [EIGHT]))
    assert "| 256 词元/秒 | 129 词元/秒 | 1.99（1.99–1.99） | ≥ 2，未到 | — |" in text


def test_a_first_token_is_in_milliseconds_and_its_history_described() -> None:
    text = render(Results(MACHINE, [FIRST]))
    assert "| 20.0 毫秒 | 200.0 毫秒 | 10.00（10.00–10.00） | ≥ 10，达到 | — |" in text
    assert "前面 4 轮共 300 个词元" in text
    assert "每路读" not in text


def test_models_rows_and_peers_come_in_their_own_order() -> None:
    slow = figure("chitchat", "1", "no-cache", Race((1.0,), (9.0,)))
    text = render(Results(MACHINE, [SMALL, EIGHT, slow, ONE]))
    found = [row.split(" | ")[0:2] for row in text.splitlines() if "词元/秒 |" in row]
    assert [f"{a[2:]} {b.split()[0]}" for a, b in found] == [
        "1 路 CTranslate2",
        "1 路 无",
        "8 路 CTranslate2",
        "32 路 transformers",
    ]
    assert text.count("\n## ") == 2
    assert "| 0.50（0.50–0.50） | — |" in text


def test_the_machine_the_versions_and_every_command_are_named() -> None:
    text = render(Results(MACHINE, [ONE, EIGHT], Quality(Perplexities(20.1, 20.0, 1234), "`q`")))
    assert "机器：Some CPU，4 核，各方 2 个线程，指令集 avx512_vnni amx_int8。" in text
    assert "版本：torch==2.13.0。" in text
    assert "- `1`\n- `8`\n- `q`" in text
    assert "| 困惑度，1,234 个词元 | 20.100 | 20.000 | 1.0050 | ≤ 1.01，达到 |" in text


def test_quantisation_that_costs_too_much_is_told() -> None:
    text = render(Results(MACHINE, [], Quality(Perplexities(20.3, 20.0, 9), "")))
    assert "| 1.0150 | ≤ 1.01，未到 |" in text


def test_lines_for_the_terminal() -> None:
    assert line(ONE) == (
        "1 路：我们 128 词元/秒，CTranslate2 int8 64 词元/秒，2.00（1.50–4.00） 倍"
    )
    assert quality_line(Perplexities(20.1, 20.0, 9)) == (
        "困惑度：int8 20.100，float32 20.000，1.0050 倍"
    )
