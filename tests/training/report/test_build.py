"""The whole report: its files, the same card for the same seed, two systems, and mistakes."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint
from chatbot.dialogue import DialogueEncoder
from chatbot.known import known_replies
from training.errors import ConfigError, CorpusError
from training.memory.generate import Probe
from training.report import examination, files, material
from training.report.build import write_report
from training.report.config import ReportConfig
from training.report.ratings import Row, SheetError, read_key, read_sheet, write_sheet

FILES = {"report.md", "samples.txt", "ratings.tsv", "ratings_key.json"}
FILES |= {"perplexity.png", "recall.png", "lengths.png"}
GENERATION = {"temperature": 1, "top_p": 1, "max_new_tokens": 8, "candidates": 2}
TALKS = [("今天好累", "早点睡吧。", "你也睡吧", "好的。"), ("你好呀", "你好！")]


@pytest.fixture(scope="module")
def checkpoints(
    tmp_path_factory: pytest.TempPathFactory,
    make_model: Callable[..., GPT2LMHeadModel],
    encoder: DialogueEncoder,
) -> Path:
    """A folder with two models of their own names and a third named as the first."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for place, (file, name) in enumerate((("one", "甲"), ("two", "乙"), ("twin", "甲"))):
        save_checkpoint(
            folder / file,
            make_model(seed=place),
            encoder.tokenizer,
            name=name,
            generation=GENERATION,
            known=known_replies(("你好", "你好呀！")),
        )
    return folder


@pytest.fixture
def config(
    checkpoints: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ReportConfig:
    """A report on the first model over a corpus of two held-out dialogues and few probes."""

    def probes(count: int, seed: int, fillers: object) -> list[Probe]:
        assert fillers == ["fillers"]
        return [
            Probe(("我叫小满", "你好", "我叫什么"), ("好", f"{seed}"), "name", 2 * (1 + n % 2))
            for n in range(min(count, 4))
        ]

    monkeypatch.setattr(examination, "NUM_TIMED", 1)
    monkeypatch.setattr(material, "probes", probes)
    monkeypatch.setattr(material, "read_fillers", lambda _: ["fillers"])
    monkeypatch.setattr(material, "PROMPTS", tmp_path / "prompts")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "lookalikes.txt").write_text("操场上见\n鸡蛋好吃\n", "utf-8")
    (tmp_path / "prompts" / "evasions.tsv").write_text("insult\tshabi\nhate\t河马\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    text = "\n\n".join("\n".join(talk) for talk in TALKS)
    (corpus / "held_out" / "a.txt").write_text(text + "\n", "utf-8")
    return ReportConfig(checkpoint=checkpoints / "one", corpus=corpus, out=Path("card"), size=8)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, which takes most of a small report's time."""
    for name in ("draw_perplexity", "draw_recall", "draw_lengths"):
        monkeypatch.setattr(files, name, lambda *_: None)


def timeless(card: str) -> str:
    return card.partition("## 速度")[0]


@pytest.mark.usefixtures("undrawn")
def test_one_checkpoint_has_a_card_and_every_file_it_names(config: ReportConfig) -> None:
    out = write_report(config)
    card = (out / "report.md").read_text("utf-8")
    for title in ("模型", "困惑度", "回复", "记忆", "安全", "文件", "速度"):
        assert f"\n## {title}\n" in card
    named = set(re.findall(r"\((\w+\.png)\)|`(\w+\.\w+)`", card))
    assert {name for pair in named for name in pair if name} >= FILES - {"report.md"}
    assert "| 留出的对话，2 段 | 全部 | 每 token |" in card
    assert re.search(r"\| 回复数 \| 3 \| 3 \|", card)
    assert re.search(r"\| 隔 2 句 \| 2 \| ", card)
    assert re.search(r"\| 隔 4 句 \| 2 \| ", card)
    assert "| `name` | 4 |" in card
    assert "末尾" not in card
    assert "nan" not in card
    key = json.loads((out / "ratings_key.json").read_text("utf-8"))
    assert key == {"systems": {f"r000{n}": "甲" for n in (1, 2, 3)}}


def test_the_same_seed_gives_the_same_files_and_another_one_others(
    config: ReportConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_report(config)
    assert {path.name for path in first.iterdir()} == FILES
    second = write_report(replace(config, out=Path("again")))
    for name in FILES - {"report.md"}:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    cards = [(out / "report.md").read_text("utf-8") for out in (first, second)]
    assert timeless(cards[0]) == timeless(cards[1])
    for name in ("draw_perplexity", "draw_recall", "draw_lengths"):
        monkeypatch.setattr(files, name, lambda *_: None)
    other = write_report(replace(config, out=Path("other"), seed=1))
    assert (other / "samples.txt").read_text("utf-8") != (first / "samples.txt").read_text("utf-8")


@pytest.mark.usefixtures("undrawn")
def test_sample_conversations_are_the_person_s_own_turns(config: ReportConfig) -> None:
    text = (write_report(config) / "samples.txt").read_text("utf-8")
    blocks = text.strip().split("\n\n")
    heads = [block.splitlines()[0] for block in blocks]
    assert heads == [
        "# 1（corpus/held_out/a.txt:1）",
        "# 2（corpus/held_out/a.txt:6）",
    ]
    for block, talk in zip(blocks, TALKS, strict=True):
        lines = block.splitlines()[1:]
        assert [line.partition("：")[0] for line in lines] == ["人", "小闲"] * (len(talk) // 2)
        assert [line.partition("：")[2] for line in lines[::2]] == list(talk[::2])
        assert all(line.partition("：")[2] for line in lines)


@pytest.mark.usefixtures("undrawn")
def test_two_checkpoints_stand_side_by_side_and_are_rated_blind(
    config: ReportConfig, checkpoints: Path, corpus: Path
) -> None:
    both = replace(
        config, against=checkpoints / "two", out=None, cdial=corpus / "a.txt", use_known=False
    )
    out = write_report(both)
    assert out == Path("runs/report/甲_vs_乙")
    card = (out / "report.md").read_text("utf-8")
    assert card.startswith("# 成绩单：甲 与 乙\n")
    assert "| 回复数 | 3 | 3 | 3 |" in card
    assert "| a 末尾，8 段 | 全部 | 每字 |" in card
    assert "已知回答 不用" in card
    samples = (out / "samples.txt").read_text("utf-8")
    assert samples.count("## 甲\n") == samples.count("## 乙\n") == 2
    rows, key = read_sheet(out / "ratings.tsv"), read_key(out / "ratings_key.json")
    assert sorted(key.values()) == ["乙"] * 3 + ["甲"] * 3
    contexts = [row.context for row in rows]
    assert all(contexts.count(context) == 2 for context in contexts)
    sheet = (out / "ratings.tsv").read_text("utf-8")
    assert "甲" not in sheet
    assert "乙" not in sheet


@pytest.mark.usefixtures("undrawn")
def test_the_columns_are_each_system_s_own(config: ReportConfig, checkpoints: Path) -> None:
    alone = [
        timeless(
            (
                write_report(replace(config, checkpoint=folder, out=Path(name))) / "report.md"
            ).read_text("utf-8")
        )
        for name, folder in (("a", checkpoints / "one"), ("b", checkpoints / "two"))
    ]
    both = write_report(replace(config, against=checkpoints / "two", out=Path("c")))
    card = timeless((both / "report.md").read_text("utf-8"))
    single = [re.findall(r"\| 每 token \| (.+) \|", text) for text in alone]
    pairs = re.findall(r"\| 每 token \| (.+) \| (.+) \|", card)
    assert [list(column) for column in zip(*pairs, strict=True)] == single
    assert single[0] != single[1]


@pytest.mark.usefixtures("undrawn")
def test_the_guard_is_examined_and_offensive_openers_are_answered(config: ReportConfig) -> None:
    without = (write_report(config) / "report.md").read_text("utf-8")
    assert "| 语料里人说的话，来话被拦 | 3 | 0.0% [0.0%, 56.1%] |" in without
    assert "| 仿样，回话被拦 | 2 | 0.0%" in without
    assert "| 变体，`insult`，认出 | 1 | 100.0%" in without
    assert "| 变体，`hate`，认出 | 1 | 0.0%" in without
    assert "| 变体，合计，认出 | 2 | 50.0%" in without
    assert "make report COLD=文件" in without
    rows = "1\t你这个傻逼\n1\t你好的\n0\t你好\n"
    Path("cold.tsv").write_text(rows, "utf-8")
    card = (write_report(replace(config, cold=Path("cold.tsv"))) / "report.md").read_text("utf-8")
    assert "| COLD：查准 | 1 | 100.0%" in card
    assert "| COLD：查全 | 2 | 50.0%" in card
    assert "make report COLD=文件" not in card
    assert re.search(r"\| 甲 \| 2 \| 0 \| 0 \|", card)


@pytest.mark.usefixtures("undrawn")
def test_equal_names_are_told_apart(config: ReportConfig, checkpoints: Path) -> None:
    twin = write_report(replace(config, against=checkpoints / "twin"))
    folders = {str(checkpoints / "one"), str(checkpoints / "twin")}
    assert set(read_key(twin / "ratings_key.json").values()) == folders
    itself = write_report(replace(config, against=checkpoints / "one"))
    assert set(read_key(itself / "ratings_key.json").values()) == {"甲", "甲（对照）"}


@pytest.mark.usefixtures("undrawn")
def test_prompts_of_one_s_own_replace_the_drawn_ones(config: ReportConfig) -> None:
    Path("o.txt").write_text("你好\n我饿了\n", "utf-8")
    Path("c.txt").write_text("在吗\n在呀\n陪我聊聊\n", "utf-8")
    out = write_report(replace(config, openers=Path("o.txt"), contexts=Path("c.txt")))
    contexts = {row.context for row in read_sheet(out / "ratings.tsv")}
    assert contexts == {"人：你好", "人：我饿了", "人：在吗 ｜ 小闲：在呀 ｜ 人：陪我聊聊"}
    assert "o.txt、c.txt" in (out / "report.md").read_text("utf-8")


@pytest.mark.usefixtures("undrawn")
def test_a_sheet_with_ratings_is_never_written_over(config: ReportConfig) -> None:
    sheet = write_report(config) / "ratings.tsv"
    write_report(config)  # nothing is lost yet
    write_sheet(sheet, [Row("r0001", "人：a", "b", 2), Row("r0002", "人：a", "b")])
    before = sheet.read_bytes()
    with pytest.raises(SheetError, match=r"ratings\.tsv: 里面已经有评分，没有覆盖；"):
        write_report(config)
    assert sheet.read_bytes() == before


@pytest.mark.usefixtures("undrawn")
def test_messages_without_room_are_left_out_and_counted(config: ReportConfig, corpus: Path) -> None:
    long = "".join(chr(0x4E00 + place) for place in range(60))
    text = f"{long}\n好的。\n\n你好\n你好呀！\n"
    (corpus / "held_out" / "a.txt").write_text(text, "utf-8")
    out = write_report(config)
    assert "放不下而略去的消息 1 条" in (out / "report.md").read_text("utf-8")
    assert "# 2" not in (out / "samples.txt").read_text("utf-8")
    (corpus / "held_out" / "a.txt").write_text(f"{long}\n好的。\n", "utf-8")
    with pytest.raises(CorpusError, match="没有一条模型放得下；"):
        write_report(config)


@pytest.mark.usefixtures("undrawn")
def test_mistakes_are_told_before_the_work_begins(config: ReportConfig, corpus: Path) -> None:
    for change, told in (({"size": 0}, "size=0 不可用；"), ({"seed": -1}, "seed=-1 不可用；")):
        with pytest.raises(ConfigError, match=told):
            replace(config, **change)
    Path("o.txt").write_text(f"你好\n{'好的' * 30}\n", "utf-8")
    with pytest.raises(CorpusError, match=r"o\.txt:2: 这句太长，模型放不下，或没有可读的文字；"):
        write_report(replace(config, openers=Path("o.txt")))
    with pytest.raises(CorpusError, match="找不到文件；"):
        write_report(replace(config, cdial=Path("none.txt")))
    with pytest.raises(CorpusError, match="找不到语料；"):
        write_report(replace(config, corpus=Path("none")))
    with pytest.raises(FileExistsError):
        write_report(replace(config, out=corpus / "a.txt"))
    assert not Path("card").exists()
