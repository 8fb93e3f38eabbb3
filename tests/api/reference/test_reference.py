import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.problems import KINDS
from api.reference.document import render_document
from api.reference.fields import fields_of
from chatbot.decoding.params import RANGES


class Tags(HTMLParser):
    """Every tag of a page with its attributes; a page that does not close its tags fails."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(client: TestClient) -> str:
    """The reference page."""
    response = client.get("/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def test_it_fetches_nothing_from_elsewhere_and_has_nothing_inline(
    client: TestClient, page: str
) -> None:
    tags = Tags(page).found
    assert {tag for tag, _ in tags}.isdisjoint({"script", "style", "iframe", "img", "object"})
    fetched = [attrs["href"] for tag, attrs in tags if tag == "link"]
    assert "/docs/style.css" in fetched
    for _, attrs in tags:
        assert attrs.keys().isdisjoint({"src", "style", "onclick", "onload"})
    for tag, attrs in tags:
        if tag in {"link", "a"}:
            assert re.match(r"[/#](?!/)", attrs["href"] or ""), attrs
    style = client.get("/docs/style.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert not re.search(r"url\(|@import|//", style.text)


def test_every_operation_has_a_section_that_its_contents_lead_to(
    client: TestClient, page: str
) -> None:
    ids = {attrs.get("id") for _, attrs in Tags(page).found}
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"{method.upper()}</b> {path}" in page
    assert {"post-chat", "get-sessions-session-id", "delete-sessions-session-id"} <= ids
    for link in re.findall(r'href="#([^"]+)"', page):
        assert link in ids


def test_sampling_fields_show_type_range_and_the_models_default(page: str, bot: Any) -> None:
    for name in RANGES:
        row = re.search(rf"<tr><td><code>{name}</code></td>.*?</tr>", page)
        assert row is not None
        default = getattr(bot.defaults, name)
        assert (f"<td>{default}（随模型）</td>" in row[0]) == (default is not None)
    assert "<td>数字 或 null</td><td>0–2</td>" in page
    assert "大于 0，最大 1" in page
    assert "<code>message</code> <em>必填</em>" in page


def test_every_problem_has_its_row(page: str) -> None:
    for kind in KINDS:
        assert f'id="problem-{kind.slug}"' in page


def test_examples_name_this_service_and_cannot_inject(client: TestClient) -> None:
    page = client.get("/docs", headers={"host": "闲聊.example:8000".encode("idna").decode()}).text
    assert "curl http://xn--" in page
    description = client.get("/openapi.json").json()
    description["info"]["title"] = description["info"]["description"] = "<script>"
    defaults = {"/chat": {"top_k": "<script>"}}
    assert "<script>" not in render_document(description, "http://<script>", defaults)


def test_fields_of_inner_objects_follow_with_their_path() -> None:
    openapi: dict[str, Any] = {
        "components": {
            "schemas": {
                "Inner": {
                    "type": "object",
                    "properties": {"deep": {"type": "string", "enum": ["a", "b"]}},
                }
            }
        }
    }
    inner = {"$ref": "#/components/schemas/Inner"}
    schema = {
        "type": "object",
        "required": ["one"],
        "properties": {
            "one": inner,
            "many": {"type": "array", "items": inner},
            "word": {"type": "string", "minLength": 1, "maxLength": 9, "default": "x"},
        },
    }
    rows = {row.name: row for row in fields_of(openapi, schema, {"word": "y"})}
    assert list(rows) == ["one", "one.deep", "many", "many[].deep", "word"]
    assert rows["one"].required
    assert not rows["many"].required
    assert (rows["many"].type, rows["one.deep"].allowed) == ("对象的数组", "a / b")
    assert (rows["word"].allowed, rows["word"].default) == ("1–9 个字符", "y（随模型）")
