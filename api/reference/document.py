"""The reference page as HTML: one section an operation, and the kinds of problems."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from api.problems import KINDS
from api.reference.fields import Field, Schema, fields_of, resolve

_PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · 接口说明</title>
<link rel="icon" href="/page/icon.svg">
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header>
<p class="home"><a href="/">← 回到聊天</a></p>
<h1>{title} · 接口说明</h1>
{description}
<nav><ul>{contents}</ul></nav>
</header>
<main>
{operations}
<section id="problems">
<h2>错误</h2>
<p>出错时返回 <code>application/problem+json</code>：<code>type</code> 指向下表的一行，
<code>detail</code> 说明这一次错在哪里；字段有误时，<code>errors</code> 逐个列出位置、原因和允许的取值。</p>
<table>
<thead><tr><th>状态码</th><th>类型</th><th>名称</th></tr></thead>
<tbody>{kinds}</tbody>
</table>
</section>
</main>
<footer>
<p>机器可读的描述：<a href="/openapi.json">/openapi.json</a>（OpenAPI {openapi}）</p>
</footer>
</body>
</html>
"""


def render_document(
    openapi: Schema, base_url: str, defaults: Mapping[str, Mapping[str, Any]]
) -> str:
    """The whole page for an OpenAPI description.

    `base_url` stands in the examples. `defaults` are values that the description leaves to
    the model, by the path and the field's name.
    """
    operations = [
        (method.upper(), path, operation)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    ]
    info = openapi["info"]
    return _PAGE.format(
        title=escape(info["title"]),
        description=_prose(info["description"]),
        contents="".join(_content(*operation) for operation in operations),
        operations="\n".join(
            _operation(openapi, base_url, defaults, *operation) for operation in operations
        ),
        kinds="".join(_kind(kind.slug, kind.status, kind.title) for kind in KINDS),
        openapi=escape(openapi["openapi"]),
    )


def _content(method: str, path: str, operation: Schema) -> str:
    link = f'<a href="#{_anchor(method, path)}"><code>{method} {escape(path)}</code></a>'
    return f"<li>{link} {escape(operation['summary'])}</li>"


def _operation(
    openapi: Schema,
    base_url: str,
    defaults: Mapping[str, Mapping[str, Any]],
    method: str,
    path: str,
    operation: Schema,
) -> str:
    parts = [
        f'<section id="{_anchor(method, path)}">',
        f'<h2><code><b class="{method.lower()}">{method}</b> {escape(path)}</code>',
        f"{escape(operation['summary'])}</h2>",
        _prose(operation.get("description", "")),
    ]
    if parameters := [one for one in operation.get("parameters", []) if one["in"] == "query"]:
        fields = fields_of(openapi, _as_object(parameters), {})
        parts += ["<h3>查询参数</h3>", _table(fields, is_request=True)]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        fields = fields_of(openapi, resolve(openapi, body["schema"]), defaults.get(path, {}))
        parts += ["<h3>请求</h3>", _table(fields, is_request=True)]
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            parts.append(f"<h3>{status} {_inline(response['description'])}</h3>")
            answer = response.get("content", {}).get("application/json")
            if answer:
                fields = fields_of(openapi, resolve(openapi, answer["schema"]), {})
                parts.append(_table(fields, is_request=False))
    examples = operation.get("x-examples", [f"curl {{base}}{path}"])
    parts += ["<h3>试一试</h3>"] + [_example(text, base_url) for text in examples]
    return "\n".join([*parts, "</section>"])


def _as_object(parameters: Iterable[Schema]) -> Schema:
    """The parameters of an address as if they were the fields of a body."""
    fields = {
        one["name"]: one["schema"] | {"description": one.get("description", "")}
        for one in parameters
    }
    return {
        "properties": fields,
        "required": [one["name"] for one in parameters if one["required"]],
    }


def _table(fields: Iterable[Field], *, is_request: bool) -> str:
    heads = ["字段", "类型", "取值", *(["默认"] if is_request else []), "说明"]
    rows = []
    for field in fields:
        mark = " <em>必填</em>" if is_request and field.required else ""
        cells = [
            f"<code>{escape(field.name)}</code>{mark}",
            escape(field.type),
            escape(field.allowed),
            *([escape(field.default)] if is_request else []),
            _inline(field.description),
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _kind(slug: str, status: int, title: str) -> str:
    return (
        f'<tr id="problem-{slug}"><td>{status}</td><td><code>/docs#problem-{slug}</code></td>'
        f"<td>{escape(title)}</td></tr>"
    )


def _example(text: str, base_url: str) -> str:
    return f"<pre><code>{escape(text.replace('{base}', base_url))}</code></pre>"


def _anchor(method: str, path: str) -> str:
    return f"{method.lower()}-{re.sub(r'[^a-z]+', '-', path.lower()).strip('-')}"


def _prose(text: str) -> str:
    paragraphs = [part.replace("\n", "") for part in text.split("\n\n") if part.strip()]
    return "".join(f"<p>{_inline(part)}</p>" for part in paragraphs)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
