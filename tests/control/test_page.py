"""The dashboard's files: served as they are in the package, and nothing beside them."""

import re

import pytest

from strangler.control.page import read_files
from tests.support.surface import served

FILES = read_files()


async def test_the_page_and_its_files_want_no_token() -> None:
    async with served() as client:
        answers = {
            path: (code, body)
            for path in ("/", *(f"/static/{name}" for name in FILES if name != "index.html"))
            for code, body in [await client.ask("GET", path, Authorization="")]
        }

    assert {code for code, _ in answers.values()} == {200}
    assert answers["/"][1] == FILES["index.html"].decode()
    assert answers["/static/main.js"][1] == FILES["main.js"].decode()


@pytest.mark.parametrize(
    "path",
    [
        "/static/none.js",
        "/static/..%2fpage.py",
        "/static/%2e%2e/auth.py",
        "/static/../page.js",
        "/static/",
        "/static/index.html",
    ],
)
async def test_no_path_names_anything_else(path: str) -> None:
    async with served() as client:
        code, body = await client.ask("GET", path)

    assert code == 404
    assert "import" not in str(body)


async def test_the_page_may_run_its_own_scripts_only() -> None:
    async with served() as client, client.session.get(f"http://{client.address}/") as answer:
        policy = answer.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".js")))
def test_no_script_makes_markup_of_text(name: str) -> None:
    """Because paths and values come with traffic, text is set as text and never read as markup."""
    text = FILES[name].decode()

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function", text
    )
    assert "createContextualFragment" not in text


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_file_asks_another_host_for_anything(name: str) -> None:
    found = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", FILES[name].decode())

    assert set(found) <= {"http://www.w3.org/2000/svg"}


def test_the_page_has_no_script_and_no_style_of_its_own() -> None:
    text = FILES["index.html"].decode()

    assert re.findall(r"<script(?![^>]* src=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", text) == []
