"""The service against its own description: whatever is sent, the answer is a documented one.

A few hundred requests in the suite, always the same ones. As a command, with others each time:
CASES=10000 python -m pytest tests/api/test_contract.py
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from api.settings import Settings

CASES = int(os.environ.get("CASES", "400"))
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    negative_data_rejection,
]
# What breaks the description is refused; the length of a body is judged before what it says.
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 404, 405, 413, 415, 422, 431]
            }
        }
    }
)
_SECONDS = 120


@pytest.fixture
def settings(
    tiny_checkpoint: Path, tiny_novelist: Path, tiny_head: Path, tmp_path: Path
) -> Settings:
    """Everything is there, and small."""
    return Settings(
        checkpoint=tiny_checkpoint,
        novelist=tiny_novelist,
        head=tiny_head,
        data_dir=tmp_path / "data",
    )


@pytest.fixture
def live(serve_live: Any, bot: Any) -> Any:
    """The service; what the bot says is not the subject here."""
    return serve_live(lambda _: bot)


@pytest.fixture
def cases(live: Any) -> st.SearchStrategy[Any]:
    """Requests to every operation, that fit its description or break it."""
    schema = schemathesis.openapi.from_dict(live.app.openapi(), config=CONFIG)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 12
    return st.one_of(
        operation.as_strategy(generation_mode=mode)
        for operation in operations
        for mode in GenerationMode
    )


@pytest.mark.timeout(3600)
def test_every_answer_is_a_documented_one(live: Any, cases: st.SearchStrategy[Any]) -> None:
    seen: Counter[tuple[str, int]] = Counter()

    @hypothesis_settings(
        max_examples=CASES,
        deadline=None,
        derandomize="CASES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def ask(case: Any) -> None:
        response = case.call(base_url=live.url, timeout=_SECONDS)
        seen[case.path, response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    ask()
    assert seen.total() >= CASES
    assert {status for _, status in seen} >= {200, 400, 404, 422}
