"""GET /docs: the interface, described for people, from the OpenAPI description alone."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from api.problems import ProblemError
from api.reference.document import render_document
from api.state import service_state
from chatbot.decoding.params import RANGES
from chatbot.writing import WRITING_RANGES

_STYLE_SHEET = Path(__file__).with_name("style.css")


def serve_reference(app: FastAPI) -> None:
    """Serve the reference at /docs; it fetches nothing but its own style sheet."""

    async def docs(request: Request) -> Response:
        base_url = str(request.base_url).rstrip("/")
        defaults = await _model_defaults(request)
        page = render_document(app.openapi(), base_url, defaults)
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    async def style(_request: Request) -> Response:
        headers = {"Cache-Control": "no-cache"}
        return FileResponse(_STYLE_SHEET, headers=headers, media_type="text/css; charset=utf-8")

    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route("/docs/style.css", style, include_in_schema=False)


async def _model_defaults(request: Request) -> dict[str, dict[str, Any]]:
    """What the sampling fields of a path are when left out; nothing until its model is there."""
    service = await service_state(request)
    found = {}
    with suppress(ProblemError):
        chat = service.keeper.get().defaults
        found["/chat"] = {name: getattr(chat, name) for name in RANGES}
    if write := service.desk.defaults:
        found["/write"] = {name: getattr(write, name) for name in WRITING_RANGES}
    return found
