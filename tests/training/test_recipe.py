"""Recipes: the shipped one reads, and every mistake in one is named."""

import json
from pathlib import Path

import pytest

from training.__main__ import BASE_RECIPE
from training.config import TrainConfig
from training.errors import ConfigError
from training.recipe import PROVIDED, Source, read_recipe

RECIPE = """
name = "small"
[model]
n_positions = 32
[corpora]
chat = { file = "chat.txt", drop_self_harm = true, leave_last = 2 }
prose = { file = "prose.txt.xz", prose = true }
[[stages]]
name = "one"
mix = { chat = 0.5, prose = 1 }
train = { epochs = 2, learning_rate = 1e-3 }
[[stages]]
name = "two"
mix = { provided = 3, chat = 0.1 }
train = {}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "source", ["{}", '{ file = "a.txt", generated = 5 }', "{ generated = -1 }"]
)
def test_a_corpus_is_a_file_or_generated(tmp_path: Path, source: str) -> None:
    text = RECIPE.replace('{ file = "prose.txt.xz", prose = true }', source)
    with pytest.raises(ConfigError, match="须有 file 或 generated"):
        read_recipe(write(tmp_path, text))


def test_a_recipe_says_what_to_train_on_and_how(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, RECIPE))
    assert (recipe.name, recipe.model) == ("small", {"n_positions": 32})
    assert recipe.sources == {
        "chat": Source(file="chat.txt", drop_self_harm=True, leave_last=2),
        "prose": Source(file="prose.txt.xz", prose=True),
    }
    assert [stage.name for stage in recipe.stages] == ["one", "two"]
    assert recipe.stages[0].mix == {"chat": 0.5, "prose": 1}
    assert recipe.stages[0].train == TrainConfig(epochs=2, learning_rate=1e-3)
    assert recipe.stages[1].train == TrainConfig()


def test_the_shipped_recipe_reads_and_ends_on_the_provided_corpus() -> None:
    recipe = read_recipe(BASE_RECIPE)
    assert PROVIDED in recipe.stages[-1].mix
    used = {corpus for stage in recipe.stages for corpus in stage.mix}
    assert used == {*recipe.sources, PROVIDED}
    assert len({stage.name for stage in recipe.stages}) == len(recipe.stages)
    assert all(stage.train.row_length <= recipe.model["n_positions"] for stage in recipe.stages)


def test_the_shipped_model_config_is_the_shipped_recipe_s_model() -> None:
    recipe = read_recipe(BASE_RECIPE)
    (path,) = BASE_RECIPE.parent.glob("gpt2-*.json")
    assert json.loads(path.read_text("utf-8")) == {"model_type": "gpt2", **recipe.model}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "small"', "name = ", "TOML 坏了"),
        ('name = "small"', "", "多了或少了 name"),
        ('name = "small"', 'name = "small"\nseed = 1', "多了或少了 seed"),
        ("[model]\nn_positions = 32", "[model]", "n_positions"),
        ("[model]\nn_positions = 32", "model = 5", "写法不对"),
        ("leave_last = 2", "leave = 2", "leave"),
        ('file = "prose.txt.xz", ', "", "file"),
        ('prose = { file = "prose.txt.xz", prose = true }', 'prose = "a"', "写法不对"),
        ("chat = 0.5, ", "talk = 0.5, ", "没有列出的语料 talk"),
        ("chat = 0.5, ", "chat = -1, ", "chat=-1 不可用"),
        ("chat = 0.5, ", 'chat = "all", ', "chat='all' 不可用"),
        ("train = {}", "", "有个阶段少了 train"),
        ("train = {}", "train = { epoch = 3 }", "不认得 epoch"),
        ("train = {}", "train = { epochs = 0 }", "epochs=0 不可用"),
        ("train = {}", 'train = { epochs = "3" }', "类型不对"),
        ("train = {}", "train = 3", "写法不对"),
    ],
)
def test_a_mistake_is_named_with_its_file_in_one_line(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in RECIPE
    with pytest.raises(ConfigError, match=r"recipe\.toml: .*；") as error:
        read_recipe(write(tmp_path, RECIPE.replace(old, new)))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_without_stages_is_refused(tmp_path: Path) -> None:
    text = RECIPE[: RECIPE.index("[[stages]]")]
    with pytest.raises(ConfigError, match="一个阶段也没有；"):
        read_recipe(write(tmp_path, "stages = []\n" + text))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="找不到配方；"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "recipe.toml", tmp_path):
        with pytest.raises(ConfigError, match=r"TOML 坏了.*；"):
            read_recipe(path)
