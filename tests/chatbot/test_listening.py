"""What the bot says when nothing better comes to mind."""

import pytest

from chatbot.listening import (
    CHEERING,
    LISTENING,
    UNABLE,
    UNKNOWING,
    WONDERING,
    asks_anything,
    asks_fact,
    listening_reply,
)
from chatbot.safety.guard import Guard

POOLS = (UNKNOWING, WONDERING, UNABLE, CHEERING, LISTENING)


@pytest.mark.parametrize(
    ("message", "pool"),
    [
        ("黑洞里面是什么", UNKNOWING),
        ("一公斤等于几斤", UNKNOWING),
        ("广东这边热得要命，你那边呢", WONDERING),
        ("异地恋真的能坚持下去吗？", WONDERING),
        ("为什么啊，太难了？", WONDERING),
        ("帮我写个请假条", UNABLE),
        ("给我取个英文名吧", UNABLE),
        ("看过了，再来一部", UNABLE),
        ("预算五百以内，你给个主意呗", UNABLE),
        ("明天考试，给我鼓鼓劲", CHEERING),
        ("你能安慰安慰我吗", CHEERING),
        ("夸我两句", CHEERING),
        ("老师今天夸我字好看", LISTENING),
        ("没什么朋友，微信一天都不响一次", LISTENING),
        ("婆婆非要给孩子喂饭，说了也不听", LISTENING),
        ("？", WONDERING),
        ("。", LISTENING),
    ],
)
def test_it_is_of_the_kind_that_the_message_needs(message: str, pool: tuple[str, ...]) -> None:
    found = {listening_reply(message, (), seed) for seed in range(200)}
    assert found <= set(pool)
    assert len(found) > min(len(pool), 400) / 4


@pytest.mark.parametrize("pool", POOLS)
def test_every_one_is_short_and_safe(pool: tuple[str, ...]) -> None:
    assert len(set(pool)) == len(pool)
    for reply in pool:
        assert len(reply) <= 30
        assert reply[-1] in "。？"
        assert Guard.default().check_output(reply)


def test_it_does_not_repeat_itself_before_all_were_said() -> None:
    said: list[str] = []
    for seed in range(len(LISTENING)):
        said.append(listening_reply("今天下雨了", said, seed))
    assert sorted(said) == sorted(LISTENING)
    assert listening_reply("今天下雨了", said, 0) in LISTENING


def test_the_same_seed_says_the_same() -> None:
    assert len({listening_reply("今天下雨了", (), 5) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("message", "asks"),
    [
        ("光速是多少", True),
        ("12乘以15等于几", True),
        ("红楼梦谁写的", True),
        ("恐龙是怎么灭绝的？", True),
        ("长江和黄河哪个长", True),
        ("你多少岁了", False),
        ("我为什么总是失眠", False),
        ("中午吃啥好呢", False),
        ("今天几号", False),
        ("好累", False),
        ("为什么呀，我不懂", False),
    ],
)
def test_what_asks_about_the_world(message: str, asks: bool) -> None:
    assert asks_fact(message) is asks


@pytest.mark.parametrize(
    ("message", "asks"),
    [
        ("你还记得我叫什么吗", True),
        ("元帅是什么动物来着", True),
        ("今天好累", False),
        ("那你帮我写句求婚的话", True),
        ("是啊，五年没见了", False),
        ("周末去哪玩好", True),
        ("我给我妈买了件大衣", False),
        ("老板给我涨工资了", False),
        ("写了一天作业", False),
        ("能不能帮我起个名字", True),
    ],
)
def test_what_asks(message: str, asks: bool) -> None:
    assert asks_anything(message) is asks
