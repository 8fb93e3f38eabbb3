"""Small talk: first exchanges of written training dialogues that clash with no fact."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from training.errors import CorpusError
from training.memory.facts import FactDraw
from training.memory.fillers import MIN_FILLERS, Filler, FillerDeck, read_fillers
from training.memory.material import read_material
from training.split import is_held_out

MATERIAL = read_material()
SIGNS = (
    "麻雀 喜鹊 燕子 瓢虫 蜻蜓 蝴蝶 落叶 花瓣 柳絮 松针 灰尘 露水 阳光 云影 羽毛 纸屑 水珠 绒毛 草籽"
)
ALL: list[Filler] = [
    (f"{place}落了{sign}", f"{sign}落得真是地方。")
    for sign in SIGNS.split()
    for place in ("窗台", "门口", "墙头", "桌上")
]
GOOD = [filler for filler in ALL if not is_held_out(filler)]
HELD_OUT = [filler for filler in ALL if is_held_out(filler)]
BAD = [
    ("你好呀小朋友", "你好，今天过得好。"),
    ("我是一名焊工", "焊工手上有功夫。"),
    ("家里猫叫豆豆", "豆豆真可爱。"),
    ("今天花了80块", "买得值就好。"),
    ("考试没有及格", "下回再来。"),
    ("爷爷住院好几天", "好好陪着他。"),
    ("讲一个笑话吧", "小白长得像它哥。"),
    ("今天中午吃面", "面条顶饱。"),
    ("好", "嗯，好的。"),
    ("门口开了一家新的大超市里面什么东西都有卖", "逛逛也好。"),
    ("阳台的花开了", "花开了没标点"),
    ("路边摆了西瓜摊", "我家也买了一个。"),
]


def write(folder: Path, fillers: list[Filler], name: str = "a.txt") -> Path:
    folder.mkdir(exist_ok=True)
    text = "\n\n".join(f"{message}\n{reply}\n嗯\n嗯嗯。" for message, reply in fillers)
    (folder / name).write_text(text + "\n", encoding="utf-8")
    return folder


def test_usable_openings_are_read_in_order(tmp_path: Path) -> None:
    mixed = [pair for good, bad in zip(GOOD, BAD * 5, strict=False) for pair in (good, bad)]
    assert read_fillers(write(tmp_path, mixed)) == GOOD[: len(mixed) // 2]


def test_only_the_training_side_of_written_files_is_read(tmp_path: Path) -> None:
    write(tmp_path, GOOD[:-2])
    write(tmp_path, GOOD[-2:-1], "generated_x.txt")
    write(tmp_path / "held_out", GOOD[-1:])
    write(tmp_path, GOOD[-1:], "b.txt")
    assert read_fillers(tmp_path) == GOOD[:-2]


def test_a_corpus_that_is_not_split_is_split_by_its_openers(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    assert HELD_OUT
    write(tmp_path, HELD_OUT, "b.txt")
    assert read_fillers(tmp_path) == GOOD


def test_too_few_are_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD[: MIN_FILLERS - 1])
    with pytest.raises(CorpusError, match=f"只有 {MIN_FILLERS - 1} 组.*换一个更大的"):
        read_fillers(tmp_path)
    with pytest.raises(CorpusError, match="找不到语料"):
        read_fillers(tmp_path / "none")


def test_every_filler_is_dealt_before_one_comes_again() -> None:
    deck = FillerDeck(GOOD, MATERIAL, random.Random(0))
    dealt = [filler for _ in range(len(GOOD)) for filler in deck.deal([], 2)]
    assert set(Counter(dealt).values()) == {2}


def test_questions_that_are_passed_over_are_the_exception() -> None:
    asking = [(f"{message}呢", "落了多少？") for message, _ in GOOD]
    deck = FillerDeck([*GOOD, *asking], MATERIAL, random.Random(0))
    dealt = [reply for _ in range(400) for _, reply in deck.deal([], 1)]
    assert 0.15 < sum(reply.endswith("？") for reply in dealt) / len(dealt) < 0.35


def test_what_touches_a_fact_is_not_dealt() -> None:
    touching = [
        ("阳台上来了只猫", "它是来晒太阳的。"),  # the kind
        ("楼下的柯基在跑", "短腿跑得快。"),  # another value of the same pool
        ("门口落了糯米纸", "扫一扫就好。"),  # the value itself
        ("洛阳的牡丹开了", "一大片真好看。"),  # what might pass for a fact at any time
    ]
    (fact,) = FactDraw(MATERIAL, random.Random(0), reserved=False).some(
        1, [kind for kind in MATERIAL.kinds if kind.id == "pet"]
    )
    told = replace(fact, accepted={"pet": ("糯米",)})
    deck = FillerDeck([*touching, *GOOD[:5]], MATERIAL, random.Random(0))
    dealt = deck.deal([told], 9)
    assert sorted(dealt) == sorted(GOOD[:5])
