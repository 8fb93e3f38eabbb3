"""The kernels, once for each of their instruction sets that this processor has."""

from dataclasses import replace

import pytest

from chatbot.decoding.native.kernels import LEVELS, Kernels
from chatbot.decoding.native.kernels import kernels as best_kernels


@pytest.fixture(params=LEVELS, ids=["avx512", "avx2"])
def kernels(request: pytest.FixtureRequest) -> Kernels:
    found = best_kernels()
    if found is None:
        pytest.skip("no compiler, or a processor without VNNI")
    if not found.library.kernels_can(request.param):
        pytest.skip("this processor has not got these instructions")
    return replace(found, level=request.param)
