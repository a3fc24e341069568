"""Lists as files: what the page shows, whole and in its order; and who took it is on record."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask, g
from openpyxl import load_workbook

from signer.accounts import SYSTEM, Role
from signer.campaigns.kinds import LackCause
from signer.db import db, release
from signer.errors import Unavailable
from signer.inventory.tables import Value
from signer.services import Services
from signer.web.download import list_download
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor

_CODE = re.compile(r'class="code">(T\d{5})')


@pytest.fixture
def visitor(app: Flask, city: City) -> Visitor:
    """The HR officer of a ward in which something stands in every list."""
    people = city.people(8)
    city.people(1, unit=OTHER_WARD)
    city.issue(people[:2])
    clerk = city.actor("lan", Role.HR)
    duplicates = city.services.inventory.duplicates
    pair = duplicates.pair_with(clerk, people[4].code, people[5].code)
    duplicates.keep_apart(clerk, pair.id)
    city.services.issuance.create(clerk, person_codes=[people[2].code], reason="Cấp mới")
    city.services.campaigns.assign_reason(
        *(clerk, [people[3].id], LackCause.NO_EMAIL),
        note="=1+1",
        owner="Phòng Nội vụ",
        due_on=date(2026, 12, 1),
    )
    return Visitor(app).log_in(city.account("huong", Role.HR))


LISTS = [
    ("/people", {}, 8),
    ("/people", {"q": "hoang", "state": "lacking"}, 1),
    ("/people", {"q": "thi b", "staff": "cong_chuc"}, 1),
    ("/people", {"q": "001185000001"}, 0),
    ("/people", {"q": "001 185 000 001"}, 0),
    ("/coverage/has", {}, 2),
    ("/coverage/pending", {"unit": WARD}, 1),
    ("/coverage/lacks", {"facet": "cong_chuc"}, 5),
    ("/coverage/expiring", {}, 0),
    ("/coverage/unused", {}, 0),
    ("/coverage/must_revoke", {}, 0),
    ("/expiring", {"days": "90"}, 0),
    ("/duplicates", {"decided": "1"}, 1),
    ("/units", {"as_of": "2026-01-01"}, 1),
    ("/requests", {"state": "pending"}, 1),
    ("/requests/2/people", {}, 1),
    ("/outside", {"tab": "unmatched"}, 0),
]


@both_databases
def test_a_list_is_taken_away_as_it_is_shown(services: Services, visitor: Visitor) -> None:
    """Both kinds of file have the rows of the page; each one is an event that says how many."""
    for path, filters, count in LISTS:
        said = filters | ({"q": "001••••••001"} if "185" in filters.get("q", "") else {})
        page = visitor.get(path.removesuffix("/people") if path != "/people" else path, **filters)
        assert page.status_code == 200
        taken = visitor.get(f"{path}.csv", **filters)
        assert taken.mimetype == "text/csv", path
        rows = list(csv.reader(io.StringIO(taken.data.decode("utf-8-sig"), newline="")))
        assert len(rows) == count + 1, path
        assert {len(row) for row in rows} == {len(rows[0])}, path
        book = load_workbook(io.BytesIO(visitor.get(f"{path}.xlsx", **filters).data))
        (sheet,) = book.worksheets
        assert [row[0] for row in sheet.values][1:] == [_typed(row[0]) for row in rows[1:]], path
        if count and "code" in page.text and path not in ("/duplicates", "/units", "/requests"):
            assert list(dict.fromkeys(_CODE.findall(page.text))) == [r[0] for r in rows[1:]], path
        release()
        for event in services.audit.events(limit=2):
            assert (event.actor, event.action) == ("huong", "list.exported")
            told = json.loads(event.details)
            assert told["rows"] == count, path
            assert told["filters"] == said, path
        assert told["file"] in taken.headers["Content-Disposition"]


def _typed(text: str) -> str | int:
    return int(text) if text.isdigit() and len(text) < 3 else text


def test_what_stands_beside_the_people(visitor: Visitor) -> None:
    """Why, who settles it and by when; where somebody waits; and nothing starts a formula."""
    lacking = visitor.get("/coverage/lacks.csv").data.decode("utf-8-sig")
    (row,) = (row for row in csv.DictReader(io.StringIO(lacking)) if row["Nguyên nhân"])
    assert row["Ghi chú"] == "'=1+1"
    assert row["Người chịu trách nhiệm giải quyết"] == "Phòng Nội vụ"
    assert row["Hạn giải quyết"] == "01/12/2026"
    waiting = visitor.get("/coverage/pending.csv").data.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(waiting))
    assert (row["Đang chờ ở đâu"], row["Người lập"]) == ("Chờ duyệt", "lan")


def test_files_are_for_those_who_see_the_list(app: Flask, visitor: Visitor, city: City) -> None:
    """Nobody without an account, no signer; and never another unit's people."""
    stranger = Visitor(app)
    signer = Visitor(app).log_in(city.account("ky", Role.SIGNER))
    other = Visitor(app).log_in(city.account("xa", Role.HR, OTHER_WARD))
    for path, filters, _count in LISTS:
        assert stranger.get(f"{path}.csv", **filters).status_code == 302, path
        assert signer.get(f"{path}.csv", **filters).status_code == 403, path
        theirs = other.get(f"{path}.csv", **filters)
        assert theirs.status_code in (200, 403, 404), path
        assert "T00001" not in theirs.text + theirs.text, path
        assert "T00003" not in theirs.text, path
    assert visitor.get("/people.csv", unit="khong-co").status_code == 404
    assert visitor.get("/coverage/nothing.csv").status_code == 404
    assert visitor.get("/people.exe").status_code == 404


@both_databases
def test_a_slow_reader_keeps_no_connection(app: Flask, visitor: Visitor) -> None:
    """While a piece is on its way, the database's connections are others'."""
    release()
    with app.app_context():
        before = db.engine.pool.checkedout()  # type: ignore[attr-defined]  # a QueuePool's
        answer = visitor.client.get("/people.csv")
        pieces = answer.iter_encoded()
        assert next(pieces) == b"\xef\xbb\xbf"
        assert db.engine.pool.checkedout() == before  # type: ignore[attr-defined]  # see above
        assert b"T00001" in next(pieces)
        answer.close()


def test_nobody_takes_a_part_for_the_whole(app: Flask, services: Services, city: City) -> None:
    """What fails on the way breaks the transfer off; what is written first never leaves."""
    actor = city.actor("huong", Role.HR)

    def rows() -> Iterator[tuple[Value, ...]]:
        yield from ((number,) for number in range(2_000))
        raise Unavailable("gone")

    def events() -> int:
        return sum(event.action == "list.exported" for event in services.audit.events())

    for kind, count, found in (("csv", 3_000, 1), ("csv", None, 1), ("xlsx", 3_000, 1)):
        with app.test_request_context("/people.csv"):
            g.actor = actor
            with pytest.raises(Unavailable):
                answer = list_download(kind, "x", "X", ["X"], rows(), filters={}, count=count)
                assert answer.status_code == 200
                list(answer.iter_encoded())
        assert events() == found


def test_a_file_is_named_for_its_list_and_day(visitor: Visitor, services: Services) -> None:
    """In the language of the page, in letters that every file system takes."""
    found = visitor.get("/coverage/lacks.xlsx").headers["Content-Disposition"]
    assert found == "attachment; filename=chua-duoc-cap-2026-11-23.xlsx"
    visitor.get("/language/en")
    for path, filters, _count in LISTS:
        answer = visitor.get(f"{path}.xlsx", **filters)
        assert answer.status_code == 200, path  # a sheet's title has at most 31 letters
        assert re.search(
            r"filename=[a-z0-9-]+-2026-11-23.xlsx", answer.headers["Content-Disposition"]
        )
    assert services.inventory.count_people(SYSTEM) == 9
