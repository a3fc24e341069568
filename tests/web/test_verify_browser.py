"""The public check in headless Chromium: a bar while a file travels, and what comes after it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from signer.services import Services
from tests.chromium import faults_of
from tests.web.test_verify_page import signed  # noqa: F401  # a fixture

pytestmark = pytest.mark.browser

DECISION = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"
Visit = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def sessions() -> dict[object, str]:
    """Nobody logs in."""
    return {}


@pytest.fixture
def file(tmp_path: Path, signed: bytes) -> Path:  # noqa: F811  # the fixture
    """The signed decision on the visitor's disk."""
    path = tmp_path / "quyết định.pdf"
    path.write_bytes(signed)
    return path


def choose(page: Page, file: Path) -> None:
    """The file is chosen and the button pressed, by keyboard."""
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Kiểm tra", exact=True).press("Enter")


@pytest.mark.parametrize("width", [1280, 360])
def test_the_verdict_takes_the_place_of_the_form(visit: Visit, file: Path, width: int) -> None:
    """Read out at once, under its own title; axe finds nothing, and another file can follow."""
    with visit(None, width=width, theme="dark" if width == 360 else "light") as page:
        page.goto("/verify")
        choose(page, file)
        expect(page.locator("[data-verdict]")).to_be_focused()
        assert page.title().startswith("Chữ ký hợp lệ!")
        assert faults_of(page) == []
        choose(page, DECISION)
        expect(page.locator('[data-verdict="unsigned"]')).to_be_focused()
        assert faults_of(page) == []


def test_a_paper_and_xml_can_be_taken_from_what_the_script_showed(visit: Visit, file: Path) -> None:
    """More than once: a download leaves the page where it is."""
    with visit(None) as page:
        page.goto("/verify")
        choose(page, file)
        for name, ending in (("Tải bản in", ".pdf"), ("Tải báo cáo XML", ".xml")):
            with page.expect_download() as taken:
                page.get_by_role("button", name=name).click()
            assert taken.value.suggested_filename.endswith(ending)


def test_it_says_how_far_it_has_come(visit: Visit, file: Path) -> None:
    """While the answer is awaited there is a bar without an end, and words for who sees none."""
    waiting: list[Route] = []
    with visit(None) as page:
        page.goto("/verify")
        page.route("**/verify", lambda route: waiting.append(route))
        choose(page, file)
        expect(page.locator("progress")).to_be_visible()
        expect(page.locator("[data-told]")).not_to_be_empty()
        assert faults_of(page) == []
        while not waiting:
            page.wait_for_function("true")
        waiting[0].continue_()
        expect(page.locator("[data-verdict]")).to_be_visible()


def test_a_lost_connection_keeps_the_file_chosen(visit: Visit, file: Path) -> None:
    """One more press, and it is checked."""
    with visit(None) as page:
        page.goto("/verify")
        page.route("**/verify", lambda route: route.abort())
        choose(page, file)
        expect(page.locator("[data-told]")).to_contain_text("Mất kết nối")
        page.unroute("**/verify")
        page.get_by_role("button", name="Kiểm tra", exact=True).click()
        expect(page.locator("[data-verdict]")).to_be_visible()


def test_a_refused_file_and_an_unknown_hash_show_the_form_again(
    visit: Visit, tmp_path: Path
) -> None:
    """With the sentence first; what is too large never travels."""
    no_pdf = tmp_path / "anh.pdf"
    no_pdf.write_bytes(b"GIF89a")
    with visit(None, width=360) as page:
        page.goto("/verify?sha256=" + "0" * 64)
        assert faults_of(page) == []
        choose(page, no_pdf)
        expect(page.locator("#errors")).to_be_focused()
        assert faults_of(page) == []
        page.evaluate("document.querySelector('input[type=file]').dataset.limit = '3'")
        page.set_input_files("input[type=file]", no_pdf)
        said = "document.querySelector('input[type=file]').validationMessage"
        assert "lớn hơn mức tối đa" in page.evaluate(said)


def test_it_works_without_script(visit: Visit, file: Path, services: Services) -> None:
    """The browser sends the form itself."""
    with visit(None, java_script_enabled=False) as page:
        page.goto("/verify")
        choose(page, file)
        expect(page.locator('[data-verdict="valid"]')).to_be_visible()
        with page.expect_download() as taken:
            page.get_by_role("button", name="Tải bản in").click()
        assert Path(taken.value.path()).read_bytes().startswith(b"%PDF-")
