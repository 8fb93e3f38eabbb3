"""What is told of the machine."""

from pathlib import Path

import torch

from benchmarks.machine import this_machine

CPUINFO = """processor\t: 0
model name\t: Some CPU @ 2.00GHz
flags\t\t: fpu avx2 avx512f avx512_vnni amx_int8

processor\t: 1
model name\t: Another CPU
flags\t\t: fpu
"""


def test_the_first_core_speaks_for_all(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(CPUINFO, "utf-8")
    machine = this_machine(3, file)
    assert machine.processor == "Some CPU @ 2.00GHz"
    assert machine.flags == ("avx2", "avx512f", "avx512_vnni", "amx_int8")
    assert machine.num_threads == 3
    assert machine.num_cores >= 1
    assert f"torch=={torch.__version__}" in machine.versions


def test_a_system_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    machine = this_machine(1, tmp_path / "missing")
    assert machine.processor
    assert machine.flags == ()
