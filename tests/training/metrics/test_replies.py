"""All figures of replies together, by hand."""

from pathlib import Path

from training.exchanges import Exchange
from training.metrics.intervals import Share
from training.metrics.replies import measure_replies


def ask(message: str, reference: str, *history: str) -> Exchange:
    return Exchange(history, message, reference, Path("a.txt"), 1)


def test_every_figure_is_that_of_its_own_replies() -> None:
    exchanges = [
        ask("我今天好累", "早点睡。"),
        ask("在吗", "在呀。"),
        ask("那你呢", "我也一样。", "你好", "你好呀"),
        ask("晚安", "晚安。"),
    ]
    replies = ["好累呀，早点睡？", "嗯嗯", "嗯嗯", "晚安。"]
    found = measure_replies(
        exchanges, replies, ["好累", "你个傻逼", None, "晚安"], [["a", "嗯", "b", "嗯"]]
    )
    assert found.num_replies == 4
    assert found.unsafe == Share(1, 3)  # where the guard answered, the model said nothing
    assert found.questions == Share(1, 4)
    assert found.echoes == Share(2, 4)  # 好累, 晚安
    assert found.generic == Share(2, 4)
    assert found.identical == Share(0, 3)  # the other 嗯嗯 is no reply to an opener
    assert found.repetition_across == Share(1, 1)
    assert found.mean_length == (8 + 2 + 2 + 3) / 4
    assert 0 < found.bleu_4 < found.bleu_2 < 1
    assert found.dist_1 == 12 / 15
    assert found.repetition_inside == 0


def test_the_references_themselves_have_full_marks() -> None:
    exchanges = [ask("在吗", "我一直在这里呀。")]
    found = measure_replies(exchanges, ["我一直在这里呀。"], ["我一直在这里呀。"], [])
    assert (found.bleu_2, found.bleu_4, found.unsafe) == (1, 1, Share(0, 1))
