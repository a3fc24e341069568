"""Reports on pages: from the figures of a period that is over to a frozen version and its files."""

from datetime import timedelta
from io import BytesIO

import pypdfium2
import pytest
from docx import Document
from flask import Flask
from openpyxl import load_workbook

from signer.accounts import SYSTEM, Role
from signer.campaigns.kinds import LackCause
from signer.reports.periods import PeriodKind
from signer.services import Services
from tests.clocks import StandingClock
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor, hidden

PREPARE = f"/reports/prepare?kind=month&on=2026-12-14&unit={WARD}"
WORDS = {
    "kind": "month",
    "on": "2026-12-14",
    "unit": WARD,
    "issuer": "Ủy ban nhân dân phường Ba Đình",
    "symbol": "BC-UBND",
    "place": "Hà Nội",
    "title": "Chủ tịch",
    "recipients": "UBND Thành phố;\nLưu: VT.",
    "section-0": "Đã rà soát toàn bộ.",
}


@pytest.fixture
def admin(app: Flask, city: City, clock: StandingClock) -> Visitor:
    """Looks at a ward of three people, of whom one is covered; the month is over."""
    people = city.people(3)
    city.issue(people[:1])
    clock.move(timedelta(days=30))
    return Visitor(app).log_in(city.account("admin", Role.ADMIN, None))


def freeze(admin: Visitor, **changes: str) -> str:
    """Where the browser is sent after freezing."""
    answer = admin.post("/reports", {**WORDS, "corrects": "0", **changes}, form_at=PREPARE)
    assert answer.status_code == 302, answer.text
    return answer.location


def test_from_the_list_to_a_frozen_report(admin: Visitor) -> None:
    """What is due is offered; the text is drafted; what was typed is frozen and shown."""
    start = admin.get("/reports").text
    assert "Chưa có báo cáo nào được chốt" in start
    assert 'value="month.2026-12-14"' in start
    page = admin.get("/reports/prepare", period="month.2026-12-14", unit=WARD).text
    assert "1 trên 3 người" in page
    assert "33,3%" in page
    assert "Thực hiện Nghị định số 68/2024/NĐ-CP" in page
    shown = admin.get(freeze(admin)).text
    assert "Đã rà soát toàn bộ." in shown
    assert "Khớp với nhật ký" in shown
    assert "Tháng 12 năm 2026 (15/11/2026 – 14/12/2026)" in admin.get("/reports").text


def test_a_draft_is_there_next_time(admin: Visitor) -> None:
    answer = admin.post("/reports/draft", {**WORDS, "number": "17"}, form_at=PREPARE)
    assert answer.status_code == 302
    page = admin.get(answer.location).text
    assert hidden(page, "number") == "17"
    assert "Đã lưu bản nháp" in page
    assert "Chưa có báo cáo nào được chốt" in admin.get("/reports").text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"issuer": ""}, "Hãy ghi tên cơ quan ban hành báo cáo."),
        ({"signed_on": "31/02/2026"}, "không phải là một ngày"),
        ({"symbol": "x" * 41}, "dài nhất 40 ký tự"),
        ({"corrects": "3"}, "vừa được người khác xử lý"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(admin: Visitor, change, sentence) -> None:
    answer = admin.post("/reports", {**WORDS, "corrects": "0", **change}, form_at=PREPARE)
    assert answer.status_code in (400, 409)
    assert sentence in answer.text
    assert "Đã rà soát toàn bộ." in answer.text
    assert "Chưa có báo cáo nào được chốt" in admin.get("/reports").text


@pytest.mark.parametrize(
    "query",
    ["", "?period=month", "?period=fortnight.2026-12-14", "?kind=month&on=2026-12-30"],
)
def test_a_period_that_is_none_or_not_over_is_refused_on_the_list(admin: Visitor, query) -> None:
    answer = admin.get(f"/reports/prepare{query}")
    assert answer.status_code == 400
    assert "error-summary" in answer.text


def test_a_correction_needs_a_reason_and_is_compared(admin: Visitor) -> None:
    first = freeze(admin)
    again = {**WORDS, "corrects": "1", "section-0": "Đã rà soát hai lần."}
    refused = admin.post("/reports", again, form_at=PREPARE)
    assert refused.status_code == 400
    assert "Hãy ghi lý do" in refused.text
    second = freeze(admin, **again, reason="Bổ sung")
    shown = admin.get(second).text
    assert "Bổ sung" in shown
    assert "Khác gì phiên bản 1" in shown
    compared = admin.get(f"{second}/compare?with={first.rsplit('/', 1)[1]}").text
    assert "Không có số liệu nào khác nhau." in compared
    assert "Đã rà soát toàn bộ." in compared
    assert "Đã rà soát hai lần." in compared
    assert "Đã có phiên bản 2" in admin.get(first).text
    assert "Không có số liệu nào khác nhau." in admin.get(f"{second}/compare").text


def test_every_file_of_a_report(admin: Visitor) -> None:
    """Right type, a name that says what it is, and readable by its own reader."""
    place = freeze(admin)
    files = {form: admin.get(f"{place}/{form}") for form in ("pdf", "docx", "xlsx", "csv")}
    for form, answer in files.items():
        assert answer.status_code == 200
        name = f"bao-cao-month-2026-12-14-{WARD}-v1.{form}"
        assert name in answer.headers["Content-Disposition"]
    assert len(pypdfium2.PdfDocument(files["pdf"].data)) >= 2
    assert len(Document(BytesIO(files["docx"].data)).tables) == 3
    assert load_workbook(BytesIO(files["xlsx"].data)).active.title == "Phụ lục"
    assert files["csv"].data.startswith(b"\xef\xbb\xbf")
    assert admin.get(f"{place}/exe").status_code == 404


def test_the_printable_page_is_the_paper(admin: Visitor) -> None:
    page = admin.get(f"{freeze(admin)}/print").text
    for words in ("CỘNG HÒA XÃ HỘI", "Số: ", "BÁO CÁO", "PHỤ LỤC", "Tổng cộng", "Nơi nhận"):
        assert words in page
    assert "<script" not in page
    assert 'style="' not in page


def test_reasons_that_units_gave_stand_in_the_last_column(
    admin: Visitor, services: Services, city: City
) -> None:
    """The remark of a unit begins with what the unit itself said about its people."""
    lacking = services.inventory.person_of(SYSTEM, "T00002")
    services.campaigns.assign_reason(
        SYSTEM, [lacking.id], LackCause.NO_EMAIL, owner="Lan", due_on=None
    )
    page = admin.get("/reports/prepare?kind=month&on=2026-12-14").text
    assert "Chưa có thư điện tử công vụ: 1 người" in page


def test_who_sees_what(admin: Visitor, app: Flask, city: City, services: Services) -> None:
    """A unit reads its own report and freezes none; another unit does not find it."""
    place = freeze(admin)
    own = Visitor(app).log_in(city.account("own", Role.HR, WARD))
    other = Visitor(app).log_in(city.account("other", Role.HR, OTHER_WARD))
    assert own.get(place).status_code == 200
    assert "Lập phiên bản mới" not in own.get(place).text
    assert own.get(PREPARE).status_code == 403
    for path in (place, f"{place}/pdf", f"{place}/print", f"{place}/compare"):
        assert other.get(path).status_code == 404
    assert services.snapshots.list(SYSTEM, kind=PeriodKind.WEEK) == ()
