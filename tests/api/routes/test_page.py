import gzip
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.routes.page import PAGE_FOLDER, serve_page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page of three files, beside a secret."""
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text('<title>闲聊</title><script src="page/main.js">', "utf-8")
    (page / "main.js").write_text("export {};", "utf-8")
    (page / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    return page


@pytest.fixture
def page(folder: Path) -> TestClient:
    """A client of a service that has only this page."""
    return client_of(folder)


def client_of(folder: Path) -> TestClient:
    app = FastAPI()
    serve_page(app, folder)
    return TestClient(app)


def named(page: TestClient) -> str:
    """The address that the page names for its script."""
    found = re.search('src="(.*?)"', page.get("/").text)
    assert found is not None
    return f"/{found[1]}"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/index.html", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ],
)
def test_files_have_their_true_types_and_are_checked_before_reuse(
    page: TestClient, path: str, media_type: str
) -> None:
    response = page.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "no-cache"
    again = page.get(path, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"
    assert page.head(path).status_code == 200


def test_what_the_page_names_is_kept_for_good_and_has_another_name_when_it_changes(
    page: TestClient, folder: Path
) -> None:
    former = named(page)
    assert page.get(former).headers["cache-control"] == "public, max-age=31536000, immutable"
    (folder / "main.js").write_text("export const changed = true;", "utf-8")
    assert page.get(former).text == "export {};"  # a service shows the page it started with
    newer = client_of(folder)
    assert named(newer) != former
    assert "changed" in newer.get(named(newer)).text
    # The address that a replica of before has named: what it has now, but not to be kept.
    assert newer.get(former).headers["cache-control"] == "no-cache"
    assert newer.get("/").headers["etag"] != page.get("/").headers["etag"]


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*"])
def test_files_are_compressed_for_whoever_takes_it(page: TestClient, accepted: str) -> None:
    plain = page.get("/page/main.js", headers={"accept-encoding": "identity"})
    packed = page.get("/page/main.js", headers={"accept-encoding": accepted})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == b"export {};"
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    again = {"accept-encoding": accepted, "if-none-match": packed.headers["etag"]}
    assert page.get("/page/main.js", headers=again).status_code == 304
    other = {"accept-encoding": "identity", "if-none-match": packed.headers["etag"]}
    assert page.get("/page/main.js", headers=other).content == plain.content


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0, *", "*;q=0"])
def test_nobody_gets_gzip_who_does_not_take_it(page: TestClient, accepted: str) -> None:
    response = page.get("/page/main.js", headers={"accept-encoding": accepted})
    assert "content-encoding" not in response.headers
    assert response.content == b"export {};"


def test_the_page_is_small() -> None:
    """What is limited is what goes over the line, gzip; what is read stays as it was written."""
    client = client_of(PAGE_FOLDER)
    files = [file for file in PAGE_FOLDER.iterdir() if file.is_file()]
    sent = sum(_num_bytes(client, f"/page/{file.name}") for file in files)
    written = sum(file.stat().st_size for file in files)
    assert sent <= 60_000, "bytes as they are sent, gzip"
    assert written <= 140_000, "bytes as they are written"


def test_every_module_is_fetched_at_once_but_for_what_comes_first_or_by_choice() -> None:
    index = (PAGE_FOLDER / "index.html").read_text("utf-8")
    named = re.findall('<link rel="modulepreload" href="page/(.*?)">', index)
    modules = {file.name for file in PAGE_FOLDER.glob("*.js")}
    assert sorted(named) == sorted(modules - {"start.js", "english.js"})


def _num_bytes(client: TestClient, path: str) -> int:
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as response:
        sent: httpx.Response = response
        raw = b"".join(sent.iter_raw())
    assert gzip.decompress(raw)
    return len(raw)


@pytest.mark.parametrize(
    "path",
    [
        *["/page/../secret.txt", "/page/%2e%2e/secret.txt", "/page/..%2fsecret.txt"],
        *["/page/link.txt", "/page/", "/page//", "/page/a/b/main.js"],
    ],
)
def test_nothing_outside_the_folder_is_served(page: TestClient, path: str) -> None:
    response = page.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text


def test_the_real_page_is_served(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "<html" in response.text
