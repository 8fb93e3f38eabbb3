"""The novelist: its folder, and the text that it goes on writing."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from chatbot.errors import CheckpointError, InvalidParams, InvalidPrompt
from chatbot.manifest import verified_manifest, write_manifest
from chatbot.novelist import Novelist, draw
from chatbot.writing import WRITING_RANGES, WritingParams

SHORT = WritingParams(max_new_chars=40, seed=1)


@pytest.fixture(scope="module")
def novelist(tiny_novelist: Path) -> Novelist:
    """The tiny one."""
    return Novelist.from_folder(tiny_novelist)


def write(novelist: Novelist, prompt: str = "江上", **changes: Any) -> str:
    return "".join(novelist.write(prompt, replace(SHORT, **changes)))


def test_a_text_grows_character_by_character_beyond_the_window(novelist: Novelist) -> None:
    pieces = list(novelist.write("江上起了雾", SHORT))
    assert len(pieces) == 40 > novelist.model.config.window
    assert all(piece in novelist.vocab.stoi for piece in pieces)
    assert len(set(pieces)) > 5


def test_the_same_seed_writes_the_same_text_and_another_another(novelist: Novelist) -> None:
    assert write(novelist) == write(novelist)
    assert write(novelist, seed=2) != write(novelist)
    assert write(novelist, seed=None) != write(novelist, seed=None)


def test_what_is_written_is_what_the_model_holds_likeliest(novelist: Novelist) -> None:
    """Greedy writing, against the model asked directly with the last characters that fit."""
    text = "\n\n江上起了雾，"
    written = write(novelist, "江上起了雾，", temperature=0, max_new_chars=20)
    for character in written:
        ids = torch.tensor([novelist.vocab.encode(text[-8:])])
        with torch.no_grad():
            assert novelist.vocab.itos[int(novelist.model(ids)[0, -1].argmax())] == character
        text += character


def test_top_k_1_is_greedy_and_a_tiny_top_p_too(novelist: Novelist) -> None:
    greedy = write(novelist, temperature=0)
    assert write(novelist, top_k=1) == greedy
    assert write(novelist, top_p=1e-6) == greedy
    assert write(novelist, temperature=2) != greedy


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("江上", "\n江上"),
        ("江上\r\n起\r", "\n江上\n起\n"),
        ("江上起了雾，渡口只剩一盏灯。", "渡口只剩一盏灯。"),
    ],
)
def test_what_is_read_is_a_paragraph_s_start_or_the_last_characters_that_fit(
    novelist: Novelist, prompt: str, read: str
) -> None:
    given: list[str] = []
    hook = novelist.model.register_forward_pre_hook(
        lambda _, arguments: given.append(novelist.vocab.decode(arguments[0][0].tolist()))
    )
    written = write(novelist, prompt, max_new_chars=9)
    hook.remove()
    assert given[0] == read
    assert given == [(read + written)[: len(read) + place][-8:] for place in range(9)]


def test_an_empty_prompt_begins_as_chapters_do(novelist: Novelist) -> None:
    written = write(novelist, "", max_new_chars=9)
    assert len(written) == 9
    assert written == "第" + write(novelist, "\n第", max_new_chars=8)
    assert write(novelist, "", max_new_chars=1) == "第"


def test_unknown_characters_are_named_before_anything_is_written(novelist: Novelist) -> None:
    with pytest.raises(InvalidPrompt, match=r"不认得这些字：龘 A；请") as error:
        novelist.write("江龘A龘", SHORT)
    assert "\n" not in str(error.value)


def test_a_writing_that_nobody_reads_on_stops(novelist: Novelist) -> None:
    calls: list[int] = []
    hook = novelist.model.register_forward_hook(lambda *_: calls.append(1))
    list(islice(novelist.write("江", SHORT), 3))
    hook.remove()
    assert len(calls) == 3


def test_two_writings_do_not_disturb_each_other(novelist: Novelist) -> None:
    first, second = (novelist.write("江上", replace(SHORT, seed=seed)) for seed in (1, 2))
    pairs = list(zip(first, second, strict=True))
    assert "".join(one for one, _ in pairs) == write(novelist, seed=1)
    assert "".join(two for _, two in pairs) == write(novelist, seed=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_new_chars", 0),
        ("max_new_chars", 2001),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_k", 1.5),
        ("top_p", 0),
        ("seed", -1),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidParams) as error:
        WritingParams(**{name: value})  # type: ignore[arg-type]
    assert error.value.field == name
    assert str(WRITING_RANGES[name]) in str(error.value)


def test_a_saved_novelist_is_the_same(novelist: Novelist, tmp_path: Path) -> None:
    defaults = WritingParams(temperature=0.5, max_new_chars=7)
    Novelist(novelist.model, novelist.vocab, name="另一个", opening="他", defaults=defaults).save(
        tmp_path / "a", facts={"steps": 3}
    )
    loaded = Novelist.from_folder(tmp_path / "a")
    assert (loaded.name, loaded.opening, loaded.defaults) == ("另一个", "他", defaults)
    assert loaded.model.config == novelist.model.config
    assert not loaded.model.training
    assert write(loaded) == write(novelist)
    assert verified_manifest(tmp_path / "a")["steps"] == 3
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "model.safetensors",
        "config.json",
        "chars.json",
        "generation_config.json",
        "manifest.json",
    }


def vouch_for(folder: Path) -> None:
    """Vouch for the folder as it is, so that what is in it is judged by itself."""
    write_manifest(folder, "spoilt", None, ["config.json"])


def edit(name: str, **changes: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        values = json.loads((folder / name).read_text("utf-8")) | changes
        (folder / name).write_text(json.dumps(values), "utf-8")
        vouch_for(folder)

    return spoil


SPOILS: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: shutil.rmtree(folder), "找不到文件夹；"),
    (lambda folder: (folder / "chars.json").unlink(), "没有 chars.json，不是续写模型的文件夹；"),
    (lambda folder: (folder / "chars.json").write_text("{}"), "校验和不符"),
    (edit("config.json", model_type="gpt2"), "不是续写模型的配置；"),
    (edit("config.json", extra=1), "权重与 config.json 不符"),
    (edit("config.json", hidden_size=17), "权重与 config.json 不符"),
    (edit("config.json", num_layers=2), "权重与 config.json 不符"),
    (edit("config.json", vocab_size="多"), "权重与 config.json 不符"),
    (edit("chars.json", characters="上江"), "有 2 个字，模型却有 20 个；"),
    (edit("chars.json", characters="江上"), "各不相同、从小到大；"),
    (edit("generation_config.json", temperature=9), "temperature=9 不可用；"),
    (edit("generation_config.json", warmth=1), "generation_config.json: "),
    (edit("generation_config.json", opening=1), "opening 须是一段文字；"),
]


@pytest.mark.parametrize(("spoil", "told"), SPOILS, ids=map(str, range(len(SPOILS))))
def test_a_spoilt_folder_is_told_in_one_line(
    tiny_novelist: Path, tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    folder = tmp_path / "spoilt"
    shutil.copytree(tiny_novelist, folder)
    spoil(folder)
    with pytest.raises(CheckpointError) as error:
        Novelist.from_folder(folder)
    line = str(error.value)
    assert line.startswith(str(folder))
    assert told in line
    assert "\n" not in line


def test_cut_weights_are_told_in_one_line(tiny_novelist: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(tiny_novelist, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    vouch_for(folder)
    with pytest.raises(CheckpointError, match="请放回相配的一对"):
        Novelist.from_folder(folder)


def test_draws_follow_the_probabilities_that_are_left() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    generator = torch.Generator().manual_seed(0)

    def shares(**fields: Any) -> list[float]:
        params = WritingParams(**{"temperature": 1.0, "top_p": 1.0, **fields})
        drawn = [draw(logits, params, generator) for _ in range(4000)]
        return [drawn.count(index) / len(drawn) for index in range(4)]

    near = {"abs": 0.03}
    assert shares() == pytest.approx([0.5, 0.3, 0.15, 0.05], **near)
    assert shares(temperature=0.5) == pytest.approx([0.685, 0.247, 0.062, 0.007], **near)
    assert shares(top_k=2) == pytest.approx([0.625, 0.375, 0, 0], **near)
    assert shares(top_p=0.75) == pytest.approx([0.625, 0.375, 0, 0], **near)
    assert shares(top_p=0.85) == pytest.approx([0.526, 0.316, 0.158, 0], **near)
    # Top-p counts what top-k has left: 0.625 of it, not 0.5, is the first one's.
    assert shares(top_k=2, top_p=0.6) == [1, 0, 0, 0]


def test_the_smallest_top_p_still_leaves_the_likeliest() -> None:
    params = WritingParams(top_p=5e-324, seed=1)
    logits = torch.tensor([0.1, 2.0, 0.3])
    assert draw(logits, params, torch.Generator().manual_seed(1)) == 1
