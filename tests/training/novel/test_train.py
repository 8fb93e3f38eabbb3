"""Training a novelist from the command line: the folders it leaves, going on, and mistakes."""

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from chatbot.manifest import verified_manifest
from chatbot.models.char_gpt import CharGPT, CharGPTConfig
from chatbot.novelist import Novelist
from chatbot.writing import WritingParams
from training.__main__ import main
from training.collate import IGNORE
from training.config import TrainConfig
from training.novel.task import NovelTask, bits, loss_sum
from training.novel.windows import Windows
from vocab.chars import CharVocab

TEXT = "\n\n" + "第一回　渡口\n江上起了雾，渡口只剩一盏灯。\n“谁？”他道。\n\n" * 80
TINY = ("--window", "16", "--layers", "1", "--heads", "2", "--hidden-size", "16")
FAST = ("--batch-rows", "8", "--precision", "float32", "--compile", "off", "--dropout", "0")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Run) -> Run:
    """Run ``training novel`` here, in a folder with a novel: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)
    (tmp_path / "novel.txt").write_text(TEXT, "utf-8")

    return partial(run_main, main, "novel")


@pytest.fixture
def task() -> NovelTask:
    """A tiny model about to learn the text."""
    vocab = CharVocab(TEXT)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = CharGPTConfig(
            vocab_size=len(vocab), window=16, num_layers=1, num_heads=2, hidden_size=16
        )
        novelist = Novelist(CharGPT(config), vocab, name="小", opening="第")
    settings = TrainConfig(row_length=16, batch_rows=8)
    return NovelTask(novelist, TEXT, settings, {"text": "novel.txt"})


def test_the_loss_is_the_cross_entropy_of_each_next_character(task: NovelTask) -> None:
    model = task.novelist.model
    data = Windows([1, 2, 3, 4, 5], length=3, num_rows=2)  # the last window has one target
    (batch,) = data.in_order()
    assert batch.labels.tolist() == [[2, 3, 4], [5, IGNORE, IGNORE]]
    expected = 0.0
    with torch.no_grad():
        for context, label in (([1], 2), ([1, 2], 3), ([1, 2, 3], 4), ([4], 5)):
            row = model(torch.tensor([context]))[0, -1]
            expected -= float(row.log_softmax(dim=0)[label])
        assert float(loss_sum(model, batch)) == pytest.approx(expected, rel=1e-5)


def test_the_end_of_the_text_is_never_trained_on(task: NovelTask) -> None:
    train = TEXT[:950]
    end = "湖" * 50
    vocab = CharVocab(TEXT + end)
    novelist = Novelist(task.novelist.model, vocab, name="小", opening="第")
    parted = NovelTask(novelist, train + end, task.config, {})
    assert parted.num_tokens == 949
    for epoch in range(20):
        for batch in parted.batches(epoch, 0, parted.num_batches(epoch)):
            assert vocab.stoi["湖"] not in batch.input_ids
            assert vocab.stoi["湖"] not in batch.labels
    labels = torch.cat([batch.labels.flatten() for batch in parted.held_out()])
    assert vocab.decode(labels[labels != IGNORE].tolist()) == end[1:]


def test_batches_have_one_shape_and_come_again_for_the_same_arguments(task: NovelTask) -> None:
    whole = list(task.batches(1, 0, task.num_batches(1)))
    assert {batch.input_ids.shape for batch in whole} == {(8, 16)}
    parts = [*task.batches(1, 0, 2), *task.batches(1, 2, 99)]
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one.input_ids, other.input_ids)
        assert torch.equal(one.labels, other.labels)


def test_a_loss_is_told_in_bits(task: NovelTask) -> None:
    assert bits(math.log(8)) == pytest.approx(3)
    assert task.describe(math.log(8)) == "每字 3.00 比特"


def test_a_novel_is_learnt_and_goes_on(tmp_path: Path, run: Run) -> None:
    options = ("--epochs", "8", "--learning-rate", "0.02", "--validate-every", "10")
    code, out, err = run("--novel", "novel.txt", "--out", "mine", *TINY, *FAST, *options)
    assert (code, err) == (0, "")
    assert "novel.txt：" in out
    assert "make write-novel CHECKPOINT=mine/best" in out
    manifest = verified_manifest(tmp_path / "mine" / "best")
    assert manifest["text"] == "novel.txt"
    assert manifest["held_out_bits_per_char"] < 1
    records = [
        json.loads(line) for line in (tmp_path / "mine" / "history.jsonl").read_text().splitlines()
    ]
    first, *_, last = (record["valid_loss"] for record in records if "valid_loss" in record)
    assert bits(first) > 4
    assert last < first / 4
    novelist = Novelist.from_folder(tmp_path / "mine" / "best")
    params = WritingParams(max_new_chars=40, temperature=0)
    assert "".join(novelist.write("江上", params)).startswith("起了雾，渡口只剩一盏灯。\n“谁？”")
    assert "".join(novelist.write("", params)).startswith("第一回　渡口\n江上")


def test_a_stopped_run_goes_on_where_it_was(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--novel", "novel.txt", *TINY, *FAST, "--validate-every", "0", "--epochs", "3")

    def interrupt(_: NovelTask) -> None:
        raise KeyboardInterrupt

    assert run(*options, "--out", "whole")[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(NovelTask, "samples", interrupt)  # after the first epoch
        code, _, err = run(*options, "--out", "parts")
    assert (code, "RESUME=1" in err) == (130, True)
    assert run(*options, "--out", "parts", "--resume")[0] == 0
    whole, parts = (tmp_path / name / "last" / "model.safetensors" for name in ("whole", "parts"))
    assert whole.read_bytes() == parts.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--novel", "none.txt"], "none.txt: 找不到小说；请检查 NOVEL="),
        (["--resume"], "没有可以接着训练的存盘；"),
        (["--window", "4000"], "窗口长 4000，文字只有"),
        (["--heads", "3"], "不成模型；都须至少是 1，hidden-size 须是 heads 的倍数"),
        (["--layers", "0"], "不成模型；"),
        (["--epochs", "0"], "epochs=0 不可用；"),
        (["--dropout", "1"], "dropout=1.0 不可用；"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(
    run: Run, arguments: list[str], told: str
) -> None:
    novel = [] if "--novel" in arguments else ["--novel", "novel.txt"]
    code, _, err = run(*TINY, *FAST, *novel, *arguments)
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("错误：")
    assert told in line


def test_going_on_with_another_text_or_shape_is_refused(tmp_path: Path, run: Run) -> None:
    options = ("--novel", "novel.txt", *FAST, "--epochs", "1")
    assert run(*options, *TINY)[0] == 0
    code, _, err = run(*options, *TINY, "--hidden-size", "32", "--resume")
    assert (code, "存盘与这个模型不符" in err) == (2, True)
    (tmp_path / "novel.txt").write_text(TEXT.replace("雾", "渡"), "utf-8")
    code, _, err = run(*options, *TINY, "--resume")
    assert code == 2
    assert "novel.txt: 与上次练的不是同一份文字；" in err
