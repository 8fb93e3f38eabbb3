"""What asks for something told, and how that is said back."""

import pytest

from chatbot.recollection import MAX_CHARS, asks_for_told, things_told


@pytest.mark.parametrize(
    "message",
    [
        "你还记得我叫什么吗",
        "元帅是什么动物来着",
        "我在哪个城市",
        "我家猫叫啥？",
        "考考你，我最爱的颜色",
        "对了 我名字你没忘吧？",
        "说说我叫什么",
        "彩排几点，我又忘了",
        "诶，下周二我有啥安排？",
        "那我几点剪头发来着",
        "我是什么老师",
        "还记得我月底要做什么不",
        "我刚说我在哪个地方住",
        "我说的小川是谁",
        "话剧是几点",
        "我有兄弟姐妹吗",
        "我每天怎么去公司",
    ],
)
def test_it_asks_for_something_told(message: str) -> None:
    assert asks_for_told(message)


@pytest.mark.parametrize(
    "message",
    [
        "今天好累",
        "周末去哪玩好",
        "我该吃什么",
        "我要不要再找他",
        "我不知道说什么",
        "亲戚问我怎么不上学",
        "我什么都没做",
        "他说我哪里不好",
        "我不爱说话",
        "小学谁抢我橡皮我都记得",
        "为什么我总睡不着",
        "你叫什么",
        "现在几点了",
        "明天几号",
    ],
)
def test_it_asks_for_nothing_told(message: str) -> None:
    assert not asks_for_told(message)


@pytest.mark.parametrize(
    ("told", "reply"),
    [
        ("我叫小红", "你叫小红。"),
        ("嗨，我家猫叫豆豆，你呢？", "你家猫叫豆豆。"),
        ("小闲你好，我彩排 16:55", "你彩排，16:55。"),
        ("忘了说，我今年57，你信不", "你今年57。"),
        ("自我介绍一下，我是花艺师😄", "自己介绍一下，你是花艺师。"),
        ("我看了《会说话的邮筒》～", "你看了《会说话的邮筒》。"),
        ("你救了我", "我救了你。"),
        ("我家钦州的，知道那儿吗", "你家钦州的。"),
        ("我买什么都挑橘色的", "你买什么都挑橘色的。"),
    ],
)
def test_it_is_said_back_without_what_leads_up_to_it(told: str, reply: str) -> None:
    (item,) = things_told([told, "好呀。"], "我叫什么来着")
    assert (item.reply, item.utterances) == (reply, (told, "好呀。"))


@pytest.mark.parametrize("message", ["几点了", "你叫什么名字？", "嗨，在吗", "吃了吗", ""])
def test_a_question_or_a_greeting_tells_nothing(message: str) -> None:
    assert things_told([message, "嗯。"], "我叫什么来着") == []


def test_things_come_in_their_order_and_a_correction_joins_what_it_mends() -> None:
    history = (
        "我住厦门",
        "海边呀。",
        "几点了",
        "不知道呢。",
        "打错了，是泉州",
        "记下了。",
        "我属马",
        "跑得快。",
    )
    first, second = things_told(history, "我住哪儿来着")
    assert first.utterances == ("我住厦门", "海边呀。", "打错了，是泉州", "记下了。")
    assert (first.reply, second.reply) == ("是泉州。", "你属马。")


def test_of_much_the_clauses_about_what_is_asked_are_said() -> None:
    told = (
        "今天天气特别好，我们一家去了公园，我女儿叫朵朵，她追了一下午鸽子，回来倒头就睡到了大天亮"
    )
    (item,) = things_told([told, "玩累了。"], "我女儿叫什么来着")
    assert item.reply == "你女儿叫朵朵，她追了一下午鸽子。"
    assert len(item.reply) <= MAX_CHARS + 3


def test_a_clause_that_is_long_by_itself_stays_whole() -> None:
    told = "我" + "很" * 40 + "累"
    (item,) = things_told([told, "歇歇。"], "我怎么了来着")
    assert item.reply == "你" + "很" * 40 + "累。"


@pytest.mark.parametrize(
    ("message", "telling", "other"),
    [
        ("我叫什么来着", "大家都喊我老周", "我今年三十"),
        ("我多大了", "我今年57", "我叫红梅"),
        ("我是哪儿人", "老家南平的", "我养了只泰迪"),
        ("我几点开会来着", "下午四点开会", "我爱吃辣"),
    ],
)
def test_what_looks_like_an_answer_of_its_kind(message: str, telling: str, other: str) -> None:
    found = things_told([telling, "记下了。", other, "好呀。"], message)
    assert [item.answers for item in found] == [1.0, 0.0]


def test_a_question_of_no_known_kind_leaves_it_to_the_model() -> None:
    (item,) = things_told(["我属马", "跑得快。"], "我属什么来着")
    assert item.answers == 0.0
