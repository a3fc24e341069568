"""`signer report`: frozen, listed, written to files, verified."""

import json
from datetime import timedelta

from sqlalchemy import text

from signer.db import db, release, transaction
from tests.clocks import StandingClock
from tests.factories import WARD, City


def test_a_report_from_freezing_to_a_broken_one(signer, city: City, clock: StandingClock, tmp_path):
    """Each command says what it did; a report changed behind the system ends with exit code 1."""
    city.people(3)
    clock.move(timedelta(days=30))
    out, _ = signer("report", "freeze", "month", "2026-12-14", "--unit", WARD)
    assert "số 1" in out
    listed = json.loads(signer("report", "list", "--json")[0])
    assert [(r["unit_code"], r["version"], r["ends_on"]) for r in listed] == [
        (WARD, 1, "2026-12-14")
    ]
    for form, beginning in (("pdf", b"%PDF-"), ("docx", b"PK"), ("xlsx", b"PK"), ("csv", b"\xef")):
        out, _ = signer("report", "export", 1, form, "--to", tmp_path)
        file = tmp_path / f"bao-cao-month-2026-12-14-{WARD}-v1.{form}"
        assert out.strip() == str(file)
        assert file.read_bytes().startswith(beginning)
    assert "còn nguyên" in signer("report", "verify", 1)[0]
    _, err = signer("report", "freeze", "month", "2026-12-14", "--unit", WARD, code=1)
    assert err
    with transaction():
        db.session.execute(text("DROP TRIGGER report_snapshot_no_update"))
        db.session.execute(text("UPDATE report_snapshot SET content = content || ' '"))
    release()
    _, err = signer("report", "verify", 1, code=1)
    assert "không khớp với nhật ký" in err
