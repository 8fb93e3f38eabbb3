from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.routes.page import serve_page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page of three files, beside a secret."""
    page = tmp_path / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>闲聊</title>", "utf-8")
    (page / "main.js").write_text("export {};", "utf-8")
    (page / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    return page


@pytest.fixture
def page(folder: Path) -> TestClient:
    """A client of a service that has only this page."""
    app = FastAPI()
    serve_page(app, folder)
    return TestClient(app)


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


def test_a_changed_file_is_sent_again(page: TestClient, folder: Path) -> None:
    tag = page.get("/page/main.js").headers["etag"]
    (folder / "main.js").write_text("export const changed = true;", "utf-8")
    response = page.get("/page/main.js", headers={"if-none-match": tag})
    assert response.status_code == 200
    assert "changed" in response.text


@pytest.mark.parametrize(
    "path",
    ["/page/../secret.txt", "/page/%2e%2e/secret.txt", "/page/link.txt", "/page/", "/page//"],
)
def test_nothing_outside_the_folder_is_served(page: TestClient, path: str) -> None:
    response = page.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text


def test_the_real_page_is_served(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert "<html" in response.text
