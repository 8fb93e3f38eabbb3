"""Everything that a client can get wrong, and what it is told."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

JSON = {"content-type": "application/json"}


def problem_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem.keys() >= {"type", "title", "detail"}
    assert not problem["detail"].isascii(), "the detail is for people who read Chinese"
    return problem


@pytest.mark.parametrize(
    ("body", "pointer", "code", "words"),
    [
        ({}, "#/message", "missing", "message 不能缺少"),
        ({"message": ""}, "#/message", "string_too_short", "message 不能为空"),
        ({"message": " \n\u3000"}, "#/message", "value_error", "message 不能全是空白"),
        ({"message": "好" * 2001}, "#/message", "string_too_long", "最多 2000 个字符"),
        ({"message": "a\x00"}, "#/message", "value_error", "U+0000，只允许换行和制表符"),
        ({"message": 5}, "#/message", "string_type", "message 应是字符串"),
        ({"message": "a", "stream": 1}, "#/stream", "bool_type", "应是 true 或 false"),
        ({"message": "a", "top_k": True}, "#/top_k", "int_type", "允许：0 到 1000 的整数"),
        ({"message": "a", "seed": "5"}, "#/seed", "int_type", "的整数"),
        ({"message": "a", "temperature": 9}, "#/temperature", "less_than_equal", "0 到 2 的数"),
        ({"message": "a", "top_p": 0}, "#/top_p", "greater_than", "大于 0、不超过 1 的数"),
        (
            {"message": "a", "max_new_tokens": 129},
            "#/max_new_tokens",
            "less_than_equal",
            "1 到 128",
        ),
        ({"message": "a", "history": ["b"]}, "#/history", "value_error", "偶数"),
        ({"message": "a", "history": ["b", 5]}, "#/history/1", "string_type", "history.1"),
        (
            {"message": "a", "history": [], "session_id": "s"},
            "#/history",
            "value_error",
            "只能给一个",
        ),
        ({"message": "a", "colour": "青绿"}, "#/colour", "extra_forbidden", "可用的有 message、"),
        ({"message": "a", "a/b~c": 1}, "#/a~1b~0c", "extra_forbidden", "不是可用的字段"),
        ([], "#", "model_attributes_type", "请求体应是 JSON 对象"),
    ],
)
def test_each_mistake_names_the_field_what_is_wrong_and_what_is_allowed(
    client: TestClient, bot: Any, body: Any, pointer: str, code: str, words: str
) -> None:
    problem = problem_of(client.post("/chat", json=body), 422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert words in problem["detail"]
    assert bot.started == []


def test_all_mistakes_are_listed_and_the_first_are_told(client: TestClient) -> None:
    body = {"message": "", "stream": 1, "top_k": -1, "seed": -1, "colour": 1}
    problem = problem_of(client.post("/chat", json=body), 422)
    assert len(problem["errors"]) == 5
    assert "等共 5 处" in problem["detail"]


@pytest.mark.parametrize(
    ("content", "status", "title"),
    [
        (b'{"message": "a"', 400, "请求体不是有效的 JSON"),
        (b"message=a", 400, "请求体不是有效的 JSON"),
        (b"[" * 50_000, 400, "请求体不是有效的 JSON"),
        (b'{"message":"a","seed":' + b"9" * 5000 + b"}", 400, "请求体不是有效的 JSON"),
        ('{"message":"你好"}'.encode("gbk"), 400, "请求体不是 UTF-8 编码"),
        (b'{"message":"\xff"}', 400, "请求体不是 UTF-8 编码"),
        (b'{"message":"\\ud800"}', 422, "请求内容有误"),
        (b'{"message":"\xed\xa0\x80"}', 422, "请求内容有误"),
        (b'{"message":"a","\\ud800":1}', 422, "请求内容有误"),
        (b'{"message":"a","temperature":NaN}', 422, "请求内容有误"),
        (b'{"message":"a","temperature":1e999}', 422, "请求内容有误"),
        (b"", 422, "请求内容有误"),
        (b'{"message":"a"}' + b" " * 70_000, 413, "请求体太大"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(
    client: TestClient, bot: Any, content: bytes, status: int, title: str
) -> None:
    response = client.post("/chat", content=content, headers=JSON)
    assert problem_of(response, status)["title"] == title
    assert bot.started == []


def test_broken_json_is_located(client: TestClient) -> None:
    content = b'{"message": "a",\n "stream": yes}'
    response = client.post("/chat", content=content, headers=JSON)
    assert "第 2 行第 12 个字符" in problem_of(response, 400)["detail"]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_a_body_that_is_not_called_json_is_told_the_header(
    client: TestClient, media_type: str
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    response = client.post("/chat", content=b'{"message":"a"}', headers=headers)
    assert "Content-Type: application/json" in problem_of(response, 415)["detail"]


def test_a_chunked_body_is_counted(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"message":"a"}'
        for _ in range(70):
            yield b" " * 1000

    response = client.post("/chat", content=chunks(), headers=JSON)
    assert "65536 字节" in problem_of(response, 413)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/page/nothing.js", 404),
        ("GET", "/page/../app.py", 404),
        ("GET", "/page/%2e%2e/app.py", 404),
        ("GET", "/page/%00", 404),
        ("GET", "/chat", 405),
        ("PUT", "/sessions/a", 405),
        ("POST", "/page/index.html", 405),
        ("POST", "/", 405),
    ],
)
def test_wrong_addresses_and_methods_are_problems(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    problem_of(response, status)
    assert ("allow" in response.headers) == (status == 405)


def test_all_methods_of_a_path_are_told(client: TestClient) -> None:
    assert client.put("/sessions/a").headers["allow"] == "DELETE, GET, HEAD, PATCH"
    assert client.put("/sessions").headers["allow"] == "DELETE, GET, HEAD"
    assert client.put("/chat").headers["allow"] == "POST"


def test_the_unforeseen_is_logged_once_and_told_without_internals(
    client: TestClient, bot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bot.refusal = KeyError("a secret")
    with caplog.at_level(logging.ERROR):
        response = client.post("/chat", json={"message": "你好"})
    problem = problem_of(response, 500)
    assert problem["title"] == "服务内部出错"
    assert "secret" not in response.text
    records = [record for record in caplog.records if record.exc_info]
    assert len(records) == 1
    assert "POST /chat" in records[0].getMessage()
    assert "a secret" in caplog.text
