"""From what a turn costs to how many cores so many users need."""

from transformers import GPT2Config

from benchmarks.capacity import Turn, plan, token_bytes


def test_the_keys_and_values_of_a_token() -> None:
    assert token_bytes(GPT2Config(n_layer=2, n_embd=8)) == 2 * 2 * 8 * 2


def test_each_step_follows_from_the_last() -> None:
    turn = Turn(seconds=0.1, tokens=128, stored=512, process=2**30)
    words = "\n".join(plan(turn, kept=8192, users=1_800_000))
    # 36 million turns, 3.6 million in the busiest hour: 1,000 a second, each a tenth of a core.
    assert "一个核每秒 10.0 轮" in words
    assert "同时陪 210 人" in words
    assert "128 个词元 × 8,192 字节 = 1.0 MiB" in words
    assert "最忙时每秒 1000 轮，要 143 个核" in words
    assert "同时在聊 30,000 人，缓存共 29 GiB" in words
    assert "库每天多 17.2 GiB" in words
