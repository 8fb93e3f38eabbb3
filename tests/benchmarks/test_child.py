"""A contender in a process of its own: it answers, and its end is told."""

import os

import pytest

from benchmarks.child import OURS, Child, Entry
from benchmarks.errors import BenchmarkError
from benchmarks.subjects import shipped

ENTRY = Entry(name=OURS, build=shipped, device="cpu", num_threads=1, num_streams=2)


def test_it_answers_from_its_own_process_and_ends_with_the_context() -> None:
    with Child(ENTRY) as child:
        process = child._process
        assert process.pid != os.getpid()
        for num_new_tokens in (1, 3):
            replies, seconds = child.answer([[2, 50, 51], [2, 60]], num_new_tokens)
            assert [len(reply) for reply in replies] == [num_new_tokens] * 2
            assert seconds > 0
    assert process.exitcode == 0


def test_a_process_that_dies_is_told_in_one_line() -> None:
    with Child(ENTRY) as child:
        child._process.kill()
        child._process.join()
        with pytest.raises(BenchmarkError, match="ours 的进程没有了"):
            child.answer([[2, 50]], 1)
