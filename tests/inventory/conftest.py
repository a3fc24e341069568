"""The inventory on a real database, without an HSM: units of Hanoi, rosters written for a test."""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import xlsxwriter
from flask import Flask

import signer.accounts.models  # a person points to an account
from signer.accounts import Accounts, Actor, Grant, Role
from signer.audit import Audit
from signer.config import Settings
from signer.db import db
from signer.files import Files
from signer.inventory.applying import ROSTER_JOB_KIND
from signer.inventory.importing import ImportView
from signer.inventory.service import Inventory
from signer.jobs import Jobs
from tests.clocks import StandingClock

assert signer.accounts.models.Account.__tablename__ == "account"

SAMPLE = Path(__file__).parent.parent / "data" / "danh_sach_mau.xlsx"
HEADINGS = (
    "STT",
    "Mã CB",
    "Họ và tên",
    "Ngày sinh",
    "Giới tính",
    "Số CCCD",
    "Loại",
    "Đơn vị",
    "Phòng",
    "Chức vụ",
    "Thư điện tử công vụ",
    "Số điện thoại di động",
    "Trạng thái công tác",
)
GOOD: Mapping[str, Any] = {
    "STT": 1,
    "Mã CB": "HN000900",
    "Họ và tên": "Nguyễn Thị Ánh",
    "Ngày sinh": "15/03/1985",
    "Giới tính": "Nữ",
    "Số CCCD": "001185000123",
    "Loại": "Công chức",
    "Đơn vị": "UBND phường Láng",
    "Phòng": "",
    "Chức vụ": "Chuyên viên",
    "Thư điện tử công vụ": "anhnt900@hanoi.gov.vn",
    "Số điện thoại di động": "0912345678",
    "Trạng thái công tác": "",
}


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def audit(clock: StandingClock) -> Audit:
    return Audit(clock)


@pytest.fixture
def jobs(clock: StandingClock, audit: Audit) -> Jobs:
    return Jobs(clock, audit.record)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    """An application that knows the database and nothing else."""
    made = Flask("inventory-test")
    made.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db.init_app(made)
    with made.app_context():
        db.create_all()
        yield made
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def inventory(
    app: Flask, clock: StandingClock, audit: Audit, settings: Settings, jobs: Jobs, tmp_path: Path
) -> Inventory:
    """The inventory with the package's units loaded."""
    assert app
    accounts = Accounts(settings, clock, audit)
    made = Inventory(clock, audit, Files(tmp_path / "files"), settings, jobs, accounts)
    made.load_units()
    return made


@pytest.fixture
def hr() -> Actor:
    """The HR officer of the whole city."""
    return clerk("")


def clerk(*scopes: str, role: Role = Role.HR) -> Actor:
    """An actor with that role over these unit paths."""
    grants = tuple(Grant(role=role, scope_path=scope) for scope in scopes)
    return Actor(account_id=None, name=f"hr{'-'.join(scopes)}", display_name="HR", grants=grants)


def person(number: int = 900, **changed: Any) -> dict[str, Any]:
    """A good row; two numbers share nothing that must be unique."""
    return {
        **GOOD,
        "STT": number,
        "Mã CB": f"HN{number:06d}",
        "Số CCCD": f"001185{number:06d}",
        "Thư điện tử công vụ": f"anhnt{number}@hanoi.gov.vn",
        **changed,
    }


def csv_text(rows: Sequence[Mapping[str, Any]], headings: Sequence[str] = HEADINGS) -> str:
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(headings)
    writer.writerows([row.get(heading, "") for heading in headings] for row in rows)
    return output.getvalue()


def windows_1258(text: str) -> bytes:
    """As old Windows stored Vietnamese: a letter, then its tone as a mark of its own."""
    output = b""
    for letter in text:
        try:
            output += letter.encode("cp1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", letter)
            tones = "".join(c for c in parts if c in "\u0300\u0301\u0303\u0309\u0323")
            base = unicodedata.normalize("NFC", "".join(c for c in parts if c not in tones))
            output += base.encode("cp1258") + tones.encode("cp1258")
    return output


def xlsx_bytes(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook of these cells; dates are written as Excel's dates."""
    output = io.BytesIO()
    book = xlsxwriter.Workbook(output, {"strings_to_formulas": False})
    sheet = book.add_worksheet("DS")
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, date):
                sheet.write_datetime(r, c, cell, day)
            elif cell not in (None, ""):
                sheet.write(r, c, cell)
    book.close()
    return output.getvalue()


Check = Callable[..., ImportView]


@pytest.fixture
def check(inventory: Inventory, hr: Actor, tmp_path: Path) -> Check:
    """Dry-runs rows (as CSV) or the bytes of a file."""

    def run(
        *rows: Mapping[str, Any],
        content: bytes | None = None,
        actor: Actor = hr,
        effective_on: date | None = None,
        name: str = "danh_sach.csv",
    ) -> ImportView:
        file = tmp_path / name
        file.write_bytes(csv_text(rows).encode() if content is None else content)
        return inventory.rosters.dry_run(actor, file, name, effective_on)

    return run


class Receipt(NamedTuple):
    """How many people an import added and changed, and how many rows it left as they were."""

    new: int
    changed: int
    same: int
    refused: int


Apply = Callable[..., Receipt]


@pytest.fixture
def apply(inventory: Inventory, jobs: Jobs, hr: Actor) -> Apply:
    """Starts the job of an import and works it off, as a worker does."""

    def run(import_id: int, actor: Actor | None = None, **options: Any) -> Receipt:
        job_id = inventory.rosters.start(actor or hr, import_id)
        jobs.run({ROSTER_JOB_KIND: inventory.rosters.applying.do_items}, job_id=job_id, **options)
        assert not jobs.failures(job_id)
        record = inventory.rosters.view(actor or hr, import_id).record
        new, changed = record.applied_new, record.applied_changed
        refused = record.error_rows + record.overtaken
        return Receipt(new, changed, record.rows - new - changed - refused, refused)

    return run


@pytest.fixture
def stored(check: Check, apply: Apply) -> Check:
    """Dry-runs and applies; no row may be refused."""

    def run(*rows: Mapping[str, Any], **options: Any) -> ImportView:
        checked = check(*rows, **options)
        assert not checked.plan.errors, [f.message for f in checked.plan.errors]
        apply(checked.import_id, options.get("actor"))
        return checked

    return run
