"""The ways to freeze, measured: every way is there, and the figures are in proportion."""

from pathlib import Path

from training.head.compare import Measured, as_table, compare


def test_every_way_is_measured(gpt2_folder: str, data: Path) -> None:
    measured = compare(data, gpt2_folder, epochs=2, num_frozen=9, max_length=16)
    cached, no_grad, frozen, some, everything = measured
    head = 2 * 32 + 2
    assert cached.num_learning == no_grad.num_learning == frozen.num_learning == head
    assert head < some.num_learning < everything.num_learning
    assert cached.num_bytes < some.num_bytes
    assert no_grad.num_bytes == frozen.num_bytes
    assert frozen.num_bytes < some.num_bytes < everything.num_bytes
    assert everything.num_bytes > 12 * everything.num_learning, "what is kept counts as well"
    assert "前 3 层" in some.name, "no more layers than there are"
    assert cached.first_pass > 0
    assert not any(item.first_pass for item in measured[1:])
    assert all(0 <= item.accuracy <= 1 and item.step > 0 for item in measured)


def test_the_table_has_units() -> None:
    measured = [
        Measured("甲", 1234567, 3 * 2**20, 0.0, 0.0125, 0.875),
        Measured("乙", 642, 7704, 2.04, 0.0004, 1.0),
    ]
    header, _, first, second = as_table(measured).splitlines()
    assert header == "| 做法 | 要练的参数 | 训练多占的内存 | 先过一遍骨干 | 每步 | 准确率 |"
    assert first == "| 甲 | 1,234,567 | 3.0 MB |  | 12.5 毫秒 | 87.5% |"
    assert second == "| 乙 | 642 | 8 KB | 2.0 秒 | 0.4 毫秒 | 100.0% |"
