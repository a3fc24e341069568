"""The one story in headless Chromium, by the people whose story it is, from log-in to figure."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from signer.accounts import Role
from signer.db import release
from signer.services import Services
from signer.worker import start_thread
from tests.factories import City

pytestmark = [pytest.mark.browser, pytest.mark.doors, pytest.mark.timeout(300)]

DATA = Path(__file__).parent / "data"
PASSWORD = "một mật khẩu đủ dài"
PIN = "hoa-sen-2026"


@pytest.fixture
def worker(app: Flask) -> Iterator[None]:
    """The worker thread beside the server."""
    end = start_thread(app)
    yield
    end()


def log_in(browser: Browser, address: str, name: str, password: str) -> Page:
    """A browser of one's own, logged in; the first time another password is asked for."""
    page = browser.new_context(base_url=address, accept_downloads=True).new_page()
    page.set_default_timeout(60_000)
    page.goto("/login")
    page.get_by_label("Tên đăng nhập").fill(name)
    page.get_by_label("Mật khẩu", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Đăng nhập").click()
    return page


def test_from_a_messy_roster_to_a_signed_dossier(
    browser: Browser, address: str, worker: None, services: Services, city: City, tmp_path: Path
) -> None:
    """HR imports and files, the head approves, the official signs, anybody verifies."""
    hr_account = city.account("hr", Role.HR, None)
    head_account = city.account("head", Role.APPROVER, None)
    release()

    # 1. The HR officer: upload, dry run, apply, who lacks a certificate, one request for them.
    hr = log_in(browser, address, *hr_account)
    hr.goto("/roster")
    hr.get_by_label("Tệp danh sách").set_input_files(DATA / "danh_sach_mau.xlsx")
    hr.get_by_role("button", name="Kiểm tra tệp").click()
    expect(hr.get_by_role("main")).to_contain_text("287 dòng sẽ được ghi")
    expect(hr.get_by_role("main")).to_contain_text("ngahp at hanoi.gov.vn")
    hr.get_by_role("button", name="Ghi các dòng hợp lệ").click()
    expect(hr.get_by_role("main")).to_contain_text("Đã ghi xong", timeout=60_000)
    expect(hr.get_by_role("main")).to_contain_text("287 người mới")
    hr.get_by_role("link", name="Xem ai chưa được cấp chứng thư").click()
    hr.get_by_role("link", name="Lập đề nghị cho cả những người chưa được cấp").click()
    hr.get_by_label("Lý do đề nghị").fill("Cấp chữ ký số theo chỉ đạo rà soát")
    hr.get_by_role("button", name="Gửi đề nghị").click()
    expect(hr.get_by_role("main")).to_contain_text("278")
    expect(hr.get_by_role("main")).to_contain_text("Chưa có thư điện tử công vụ")

    # 2. The approver sees the batch and approves; the job's progress runs to its end.
    head = log_in(browser, address, *head_account)
    head.goto("/requests/1")
    expect(head.get_by_role("main")).to_contain_text("Cấp chữ ký số theo chỉ đạo rà soát")
    head.get_by_role("button", name="Duyệt và cấp chứng thư").click()
    head.goto("/jobs/2")
    expect(head.get_by_role("main")).to_contain_text("278", timeout=120_000)
    expect(head.get_by_role("progressbar")).to_have_attribute(
        "aria-valuenow", "278", timeout=120_000
    )

    # The clerk opens the official's account and submits a dossier for signature.
    hr.goto("/people/HN000001")
    hr.get_by_role("button", name="Tạo tài khoản").click()
    name = hr.locator("dt:has-text('Tên đăng nhập') + dd").inner_text()
    password = hr.locator("dt:has-text('Mật khẩu dùng một lần') + dd").inner_text()
    hr.goto("/dossiers/new")
    hr.get_by_label("Tên hồ sơ").fill("Quyết định cử công chức đi học")
    hr.get_by_label("Đơn vị trình").select_option("HN")
    hr.locator("input[type=file]").set_input_files(DATA / "pdf" / "quyet_dinh.pdf")
    hr.get_by_label("Tìm người ký", exact=True).fill("hoang kim anh")
    found = hr.get_by_role("region", name="Kết quả tìm: Tìm người ký", exact=True)
    found.get_by_role("button").first.click()
    hr.get_by_role("main").get_by_role("button", name="Trình ký").click()
    expect(hr.get_by_role("main")).to_contain_text("quyet_dinh.pdf")

    # 3. The official: first log-in, own password, PIN, the document, the signature.
    official = log_in(browser, address, name, password)
    official.get_by_label("Mật khẩu hiện tại").fill(password)
    official.get_by_label("Mật khẩu mới", exact=True).fill(PASSWORD)
    official.get_by_label("Nhập lại mật khẩu mới").fill(PASSWORD)
    official.get_by_role("button", name="Đổi mật khẩu").click()
    official.goto("/activate")
    official.locator("#field-pin").fill(PIN)
    official.locator("#field-pin_again").fill(PIN)
    official.get_by_role("button", name="Đặt mã PIN").click()
    official.goto("/inbox")
    official.get_by_role("link", name="Xem và ký quyet_dinh.pdf").click()
    expect(official.locator("[data-box][tabindex]")).to_be_attached()
    official.locator("#field-pin").fill(PIN)
    official.get_by_role("button", name="Ký số", exact=True).click()
    expect(official.get_by_role("heading", level=1)).to_have_text("Đã ký số")

    # 4. The signed PDF downloads; a stranger without log-in verifies it.
    with official.expect_download() as downloading:
        official.get_by_role("link", name="Tải bản đã ký").click()
    signed = tmp_path / "signed.pdf"
    downloading.value.save_as(signed)
    stranger = browser.new_context(base_url=address).new_page()
    stranger.goto("/verify")
    stranger.locator("input[type=file]").set_input_files(signed)
    stranger.get_by_role("button", name="Kiểm tra", exact=True).click()
    expect(stranger.get_by_role("main")).to_contain_text("Chữ ký hợp lệ!")
    expect(stranger.get_by_role("main")).to_contain_text("Hoàng Kim Ánh")

    # 5. The coverage figure has moved, and the workbook downloads.
    head.goto("/coverage")
    expect(head.get_by_role("main")).to_contain_text("96,9%")
    with head.expect_download() as downloading:
        head.get_by_role("link", name="Tải bảng tính XLSX").click()
    assert Path(downloading.value.path()).read_bytes().startswith(b"PK")
