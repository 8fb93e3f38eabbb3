import json

from api.problems import (
    INVALID,
    KINDS,
    PROBLEM_MEDIA_TYPE,
    ProblemError,
    describe,
    invalid_field,
    to_json,
    to_response,
)


def test_a_problem_has_the_members_of_rfc_9457_and_no_empty_ones() -> None:
    assert json.loads(to_json(describe(INVALID, "错在这里。"))) == {
        "type": "/docs#problem-invalid",
        "title": "请求内容有误",
        "status": 422,
        "detail": "错在这里。",
    }


def test_chinese_is_not_escaped() -> None:
    assert "请求内容有误" in to_json(describe(INVALID, "错"))


def test_the_response_has_its_status_media_type_and_headers() -> None:
    response = to_response(describe(INVALID, "错"), {"Retry-After": "1"})
    assert response.status_code == 422
    assert response.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert response.headers["retry-after"] == "1"


def test_an_invalid_field_is_named_for_people_and_for_machines() -> None:
    problem = invalid_field("history/3", "string_type", "应是字符串").problem
    assert problem.detail == "history/3 应是字符串。"
    assert problem.errors is not None
    assert problem.errors[0].pointer == "#/history/3"


def test_kinds_are_errors_and_have_their_own_slugs() -> None:
    assert len({kind.slug for kind in KINDS}) == len(KINDS)
    assert all(400 <= kind.status < 600 for kind in KINDS)
    for kind in KINDS:
        assert ProblemError(kind, "错").problem.type == f"/docs#problem-{kind.slug}"
