"""A recipe: corpora, a model shape, and stages of training, read from a TOML file."""

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import TrainConfig
from training.errors import ConfigError

PROVIDED = "provided"
PROVIDED_CORPUS = Path(__file__).with_name("corpus")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A public corpus of the recipe, or one that the program makes up.

    Attributes:
        file: name in the folder of corpora.
        generated: instead of a file, this many memory dialogues (``training.memory.generate``).
        prose: every line is a text of its own, not an utterance.
        drop_self_harm: see ``CleanRules``.
        drop_stage_directions: see ``CleanRules``.
        leave_last: dialogues at the end of the file that are never trained on.
    """

    file: str = ""
    generated: int = 0
    prose: bool = False
    drop_self_harm: bool = False
    drop_stage_directions: bool = False
    leave_last: int = 0

    def __post_init__(self) -> None:
        if bool(self.file) == bool(self.generated) or self.generated < 0:
            raise ConfigError("每份语料须有 file 或 generated（大于 0），只能有一个；请改正")


@dataclass(frozen=True)
class Stage:
    """One run of the loop over a mixture: corpus name -> passes over it."""

    name: str
    mix: dict[str, float]
    train: TrainConfig


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a checkpoint, but the corpora themselves."""

    name: str
    model: dict[str, Any]
    sources: dict[str, Source]
    stages: tuple[Stage, ...]


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        ConfigError: missing, not TOML, an unknown key, or a stage that mixes an unknown corpus.
    """
    path = Path(path)
    values = _read_toml(path)
    allowed = {"name", "model", "corpora", "stages"}
    if set(values) != allowed:
        odd = "、".join(sorted(set(values) ^ allowed))
        raise ConfigError(f"{path}: 多了或少了 {odd}；须有 {'、'.join(sorted(allowed))}")
    try:
        sources = {name: Source(**source) for name, source in values["corpora"].items()}
        stages = tuple(_stage(stage, {*sources, PROVIDED}) for stage in values["stages"])
        if not stages:
            raise ConfigError("一个阶段也没有；请加上 [[stages]]")
        if not isinstance(values["model"].get("n_positions"), int):
            raise ConfigError("[model] 里没有整数 n_positions；请加上")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (TypeError, AttributeError) as error:
        known = "、".join(field.name for field in dataclasses.fields(Source))
        raise ConfigError(f"{path}: 写法不对（{error}）；语料可用的键有 {known}") from None
    return Recipe(values["name"], values["model"], sources, stages)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: 找不到配方；请检查路径") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: TOML 坏了（{error}）；请修好") from None


def _stage(values: dict[str, Any], known: set[str]) -> Stage:
    if missing := sorted({"name", "mix", "train"} - set(values)):
        raise ConfigError(f"有个阶段少了 {'、'.join(missing)}；请补上")
    name, mix = values["name"], values["mix"]
    if unknown := sorted(set(mix) - known):
        raise ConfigError(
            f"阶段 {name} 用了没有列出的语料 {'、'.join(unknown)}；请在 corpora 里列出"
        )
    for corpus, epochs in mix.items():
        if isinstance(epochs, bool) or not isinstance(epochs, int | float) or epochs < 0:
            raise ConfigError(f"阶段 {name} 里 {corpus}={epochs!r} 不可用；须是不小于 0 的遍数")
    return Stage(name, mix, TrainConfig.from_dict(values["train"]))
