"""GET /: the chat page, and its files under /page/."""

import os
from pathlib import Path, PurePath

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

PAGE_FOLDER = Path(__file__).parents[1] / "page"
# The operating system's own table may call a module text/plain; a browser then refuses it.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".ico": "image/x-icon",
}


class CheckedFiles(StaticFiles):
    """Files with their true types, which browsers keep but ask about before each use.

    Their names stay the same from version to version, so nothing may be kept unasked; an
    unchanged file costs one 304.
    """

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with one file, or 304 when the browser has it already."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        media_type = _MEDIA_TYPES.get(PurePath(full_path).suffix)
        if media_type and response.status_code != 304:
            response.headers["Content-Type"] = media_type
        return response


def serve_page(app: FastAPI, folder: Path = PAGE_FOLDER) -> None:
    """Serve `folder`: its index.html at /, every file under /page/."""
    files = CheckedFiles(directory=folder)

    async def index(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    app.add_route("/", index, include_in_schema=False)
    app.mount("/page", files)
