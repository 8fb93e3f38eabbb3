"""GET /: the chat page, and its files under /page/."""

import gzip
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from api.owners import remember_browser

PAGE_FOLDER = Path(__file__).parents[1] / "page"
_INDEX = "index.html"
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
_ASK_FIRST = "no-cache"
_FOR_GOOD = "public, max-age=31536000, immutable"


class PageFile:
    """A file as it is sent: read once, compressed once for whoever takes gzip."""

    def __init__(self, name: str, content: bytes) -> None:
        self._media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
        self._plain = content, _tag_of(content)

    @cached_property
    def _packed(self) -> tuple[bytes, str]:
        packed = gzip.compress(self._plain[0], mtime=0)
        return packed, _tag_of(packed)

    def answer(self, request: Request, cache_control: str) -> Response:
        """Answer with the file, or 304 when the browser has it already."""
        takes_gzip = _takes_gzip(request.headers.get("accept-encoding", ""))
        content, tag = self._packed if takes_gzip else self._plain
        headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding", "ETag": tag}
        known = request.headers.get("if-none-match", "").replace("W/", "").split(",")
        if tag in map(str.strip, known):
            return Response(status_code=304, headers=headers)
        if takes_gzip:
            headers["Content-Encoding"] = "gzip"
        return Response(content, headers=headers, media_type=self._media_type)


class Page:
    """All files of the page, which name one another below an address of this version.

    A browser keeps what it gets there for good: coming back costs it one request, for `/`.
    Under any other version, as another replica may have named it, it asks before each use.
    """

    def __init__(self, folder: Path) -> None:
        paths = [path for path in sorted(folder.iterdir()) if not path.is_symlink()]
        contents = {path.name: path.read_bytes() for path in paths if path.is_file()}
        everything = "".join(f"{name}{_tag_of(content)}" for name, content in contents.items())
        self._version = sha256(everything.encode()).hexdigest()[:12]
        address = f'="page/{self._version}/'.encode()
        contents[_INDEX] = contents[_INDEX].replace(b'="page/', address)
        self._files = {name: PageFile(name, content) for name, content in contents.items()}

    def index(self, request: Request) -> Response:
        """Answer with the page itself."""
        return self._files[_INDEX].answer(request, _ASK_FIRST)

    def file(self, request: Request, path: str) -> Response:
        """Answer with one of its files, by its name with or without a version.

        Raises:
            HTTPException: 404, there is no such file.
        """
        version, _, name = path.rpartition("/")
        file = self._files.get(name)
        if file is None or "/" in version:
            raise HTTPException(404)
        return file.answer(request, _FOR_GOOD if version == self._version else _ASK_FIRST)


def serve_page(app: FastAPI, folder: Path = PAGE_FOLDER) -> None:
    """Serve `folder` as it is now: its index.html at /, every file under /page/."""
    page = Page(folder)

    async def index(request: Request) -> Response:
        response = page.index(request)
        remember_browser(request, response)
        return response

    async def file(request: Request) -> Response:
        return page.file(request, request.path_params["path"])

    app.add_route("/", index, include_in_schema=False)
    app.add_route("/page/{path:path}", file, include_in_schema=False)


def _tag_of(content: bytes) -> str:
    """The entity tag of a content (RFC 9110, 8.8.3)."""
    return f'"{sha256(content).hexdigest()[:20]}"'


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header (RFC 9110, 12.5.3) allows gzip."""
    weights = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "")
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return weight.removeprefix("q=").strip("0.") != "" or weight == ""
