"""GET /: the chat page, and its files under /page/."""

import gzip
import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePath

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Scope

from api.owners import remember_browser

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
    """Small text files with their true types, compressed once, for whoever takes gzip.

    Their names stay the same from version to version, so browsers keep them but ask before each
    use; an unchanged file costs one 304.
    """

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Answer with one file, or 304 when the browser has it already."""
        asked = Headers(scope=scope)
        packed = _takes_gzip(asked.get("accept-encoding", ""))
        content, tag = _read(os.fspath(full_path), stat_result.st_mtime_ns, packed)
        headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", "ETag": tag}
        if packed:
            headers["Content-Encoding"] = "gzip"
        media_type = _MEDIA_TYPES.get(PurePath(full_path).suffix, "application/octet-stream")
        response = Response(content, status_code, headers, media_type)
        if self.is_not_modified(response.headers, asked):
            return NotModifiedResponse(response.headers)
        return response


@lru_cache(maxsize=256)
def _read(path: str, _mtime_ns: int, packed: bool) -> tuple[bytes, str]:
    """A file's bytes as they are sent, and their entity tag; once for each version of the file."""
    content = Path(path).read_bytes()
    if packed:
        content = gzip.compress(content, mtime=0)
    return content, f'"{sha256(content).hexdigest()[:20]}"'


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header (RFC 9110, 12.5.3) allows gzip."""
    weights = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "")
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return weight.removeprefix("q=").strip("0.") != "" or weight == ""


def serve_page(app: FastAPI, folder: Path = PAGE_FOLDER) -> None:
    """Serve `folder`: its index.html at /, every file under /page/."""
    files = CheckedFiles(directory=folder)

    async def index(request: Request) -> Response:
        response = await files.get_response("index.html", request.scope)
        remember_browser(request, response)
        return response

    app.add_route("/", index, include_in_schema=False)
    app.mount("/page", files)
