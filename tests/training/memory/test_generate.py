"""Memory dialogues and probes: repeatable, of one side of the pools, and true to what was told."""

import re
from collections import Counter
from pathlib import Path

import pytest

from training.checks.duplicates import normalise
from training.checks.facts import check_facts
from training.checks.form import check_dialogue, check_raw
from training.clean import Cleaner
from training.corpora import Dialogue, read_dialogues, write_dialogues
from training.errors import ConfigError
from training.memory.generate import Probe, generate, probes
from training.memory.material import read_material

MATERIAL = read_material()
SIGNS = "麻雀 喜鹊 燕子 瓢虫 蜻蜓 蝴蝶 落叶 花瓣 柳絮 松针 灰尘 露水 阳光 云影 羽毛 纸屑 水珠 绒毛 草籽 泥点"
FILLERS = [
    (f"{place}落了{sign}", f"{sign}落得真是地方。")
    for sign in SIGNS.split()
    for place in ("窗台", "门口")
]
UNNAMED = {"surname", "famous", "common"}


@pytest.fixture(scope="module")
def dialogues() -> list[tuple[str, ...]]:
    return list(generate(2000, 0, FILLERS))


@pytest.fixture(scope="module")
def some_probes() -> list[Probe]:
    return probes(600, 0, FILLERS)


def values(reserved: bool) -> set[str]:
    """Every value of one side that has two characters or more."""
    entries = {
        entry.partition("|")[0]
        for (pool, side), some in MATERIAL.sides.items()
        if side is reserved and pool not in UNNAMED
        for entry in some
    }
    return {entry for entry in entries if len(entry) > 1}


def test_same_arguments_give_the_same_dialogues(dialogues: list[tuple[str, ...]]) -> None:
    assert list(generate(50, 0, FILLERS)) == dialogues[:50]
    assert list(generate(50, 1, FILLERS)) != dialogues[:50]
    assert probes(20, 3, FILLERS) == probes(20, 3, FILLERS)


def test_dialogues_keep_form_and_facts(dialogues: list[tuple[str, ...]]) -> None:
    for number, utterances in enumerate(dialogues):
        dialogue = Dialogue(utterances, Path("a.txt"), number)
        assert [*check_dialogue(dialogue), *check_facts(dialogue)] == []


def test_no_dialogue_comes_twice_and_none_is_dropped(dialogues: list[tuple[str, ...]]) -> None:
    assert len({tuple(map(normalise, utterances)) for utterances in dialogues}) == 2000
    cleaner = Cleaner()
    read = (Dialogue(utterances, Path("a.txt"), 1) for utterances in dialogues)
    assert len(list(cleaner.clean(read))) == 2000


def test_what_comes_again_or_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [("在吗", "在。"), ("在 吗？", "在！"), ("嗨", "嗨" * 60), ("嗯", "嗯。")]
    turns = iter(made * 1000)
    monkeypatch.setattr("training.memory.generate._Writer.dialogue", lambda _: next(turns))
    assert list(generate(2, 0, FILLERS)) == [made[0], made[3]]
    with pytest.raises(ConfigError, match="只凑得出 2 段不同的；请把 count 减到这么多"):
        list(generate(3, 0, FILLERS))


def test_lengths_and_openings_vary(dialogues: list[tuple[str, ...]]) -> None:
    lengths = Counter(map(len, dialogues))
    assert set(lengths) == {4, 6, 8, 10}
    assert min(lengths.values()) > 60
    assert len({utterances[0] for utterances in dialogues}) > 1400
    small_talk = {message for message, _ in FILLERS}
    assert 0.5 < sum(bool(small_talk & set(u)) for u in dialogues) / 2000 < 0.95


def test_no_reserved_value_is_generated(dialogues: list[tuple[str, ...]]) -> None:
    # But for words inside a trained one or in a template.
    text = "\n".join(line for utterances in dialogues for line in utterances)
    for value in sorted(values(reserved=False), key=len, reverse=True):
        text = text.replace(value, "*")
    found = {value for value in values(reserved=True) if value in text}
    templates = "\n".join(template_texts())
    assert {value for value in found if value not in templates} == set()


def template_texts() -> list[str]:
    speech = [*MATERIAL.speech.praise, *MATERIAL.speech.tail, *MATERIAL.speech.open]
    texts = [text for pair in speech for text in pair]
    for kind in MATERIAL.kinds:
        texts += [*kind.tell, *kind.react, *kind.fix, *kind.nod]
        texts += [text for pair in (*kind.use, *kind.mirror) for text in pair]
        texts += [text for q in kind.questions for text in (*q.ask, *q.answer, *q.untold)]
    return texts


def test_other_side_is_generated_on_request() -> None:
    text = "\n".join(line for u in generate(400, 0, FILLERS, held_out=True) for line in u)
    assert sum(value in text for value in values(reserved=True)) > 150
    names = [given for given in MATERIAL.sides["given", False] if len(given) > 1]
    assert [name for name in names if name in text] == []


def test_a_name_told_is_remembered(dialogues: list[tuple[str, ...]]) -> None:
    asks = set(next(k for k in MATERIAL.kinds if k.id == "name").questions[0].ask)
    told = re.compile(r"(?:我叫|我的名字叫|我名字是)(?!什|啥)(\w{2,5})(?:$|[，\s])")
    checked = 0
    for utterances in dialogues:
        if re.search(r"不对|错|更正|不是", "".join(utterances)):
            continue
        name = ""
        for asked, answer in zip(utterances[::2], utterances[1::2], strict=True):
            if name and asked.rstrip("?？") in asks:
                checked += 1
                assert name in answer or name[-2:] in answer
            elif found := told.search(asked):
                name = found[1]
    assert checked >= 20


def test_probes_ask_for_reserved_values_only(some_probes: list[Probe]) -> None:
    known = {e.partition("|")[0] for (_, side), es in MATERIAL.sides.items() if side for e in es}
    for probe in some_probes:
        cores = {text.strip("小阿老哥姐") for text in probe.expected} | set(probe.expected)
        given = {text[1:] for text in probe.expected} | {text[2:] for text in probe.expected}
        surnamed = any(MATERIAL.reserves(text) for text in probe.expected)
        assert surnamed or (cores | given) & known, probe


def test_probes_have_the_distances_they_say(some_probes: list[Probe]) -> None:
    counts = Counter(probe.distance for probe in some_probes)
    assert counts == dict.fromkeys((2, 4, 6, 8, 10, 12), 100)
    for probe in some_probes:
        told = probe.history[len(probe.history) - 1 - probe.distance]
        assert len(probe.history) % 2 == 1
        assert any(text in told for text in probe.expected)
        assert not any(text in probe.history[-1] for text in probe.expected)
        later = probe.history[len(probe.history) + 1 - probe.distance : -1]
        assert not any(text in line for text in probe.expected for line in later)


def test_probes_are_of_every_kind_and_differ(some_probes: list[Probe]) -> None:
    assert {probe.kind for probe in some_probes} == {kind.id for kind in MATERIAL.kinds}
    assert len({probe.history for probe in some_probes}) == 600


@pytest.mark.parametrize(
    ("expected", "reply", "recalled"),
    [
        (("陈一鸣", "一鸣"), "你叫一鸣呀。", True),
        (("陈一鸣", "一鸣"), "你叫陈一凡。", False),
        (("8",), "你说是8。", True),
        (("8",), "你说是18。", False),
        (("8",), "你说是80。", False),
        (("八点",), "早上八点。", True),
        (("八点",), "晚上十八点。", False),
        (("8:30",), "8:30，别晚了。", True),
        (("8:30",), "18:30，别晚了。", False),
        (("三月八号",), "十三月八号。", False),
        (("Kevin",), "kevin嘛。", True),
        (("C++",), "学的C++。", True),
    ],
)
def test_reply_recalls(expected: tuple[str, ...], reply: str, recalled: bool) -> None:
    assert Probe(("我叫…", "好。", "我叫啥"), expected, "name", 2).recalled(reply) is recalled


@pytest.mark.parametrize(
    ("count", "seed", "fillers", "told"),
    [
        (0, 0, FILLERS, "count=0 不可用；须至少是 1"),
        (1, -1, FILLERS, "seed=-1 不可用；须至少是 0"),
        (1, 0, FILLERS[:3], "插话只有 3 组；至少要 20 组"),
    ],
)
def test_arguments_out_of_range_are_refused_at_once(
    count: int, seed: int, fillers: list[tuple[str, str]], told: str
) -> None:
    for make in (generate, probes):
        with pytest.raises(ConfigError, match=told):
            make(count, seed, fillers)


def test_written_file_reads_as_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "generated_a.txt"
    made = list(generate(30, 0, FILLERS))
    assert write_dialogues(path, iter(made)) == (30, sum(map(len, made)))
    assert [dialogue.utterances for dialogue in read_dialogues(path)] == made
    assert list(check_raw(path)) == []
    assert [child.name for child in path.parent.iterdir()] == ["generated_a.txt"]
