"""A roster through the API: its columns, its errors as a workbook, its undoing; whose it is."""

import io

import openpyxl

from signer.accounts import Role
from tests.factories import OTHER_WARD, WARD

ROWS = "Ký hiệu riêng,Họ và tên,Nơi làm việc,Ngày sinh,STT\nA1,Nguyễn An,{0},01/02/1980,1\n"
ROWS += "A2,Lê Ba,{0},31/02/1980,2\n"
COLUMNS = {"A": "code", "B": "full_name", "C": "unit", "D": "birth_date"}


def test_columns_errors_and_undoing(as_role, services):
    hr = as_role(Role.HR, WARD)
    form = {"file": (io.BytesIO(ROWS.format(WARD).encode()), "rieng.csv"), "full_unit": WARD}
    first = hr.post("roster-imports", data=form, content_type="multipart/form-data").json
    assert first["missing_columns"] == ["Mã cán bộ", "Đơn vị"]
    meant = [column["field"] for column in first["columns"]]
    assert meant == [None, "full_name", None, "birth_date", "number"]
    assert hr.post(f"roster-imports/{first['id']}/apply").status_code == 409
    address = f"roster-imports/{first['id']}/columns"
    twice = hr.post(address, json={"columns": {"A": "code", "C": "code"}})
    assert (twice.status_code, "A, C" in twice.json["detail"]) == (422, True)
    assert hr.post(address, json={"columns": {"A": "nonsense"}}).status_code == 422
    second = hr.post(address, json={"columns": COLUMNS}).json
    assert (second["new"], second["error_rows"], second["absent_count"]) == (1, 1, 0)
    run = f"roster-imports/{second['id']}"
    workbook = openpyxl.load_workbook(io.BytesIO(hr.get(f"{run}/errors.xlsx").data))
    assert [row[0] for row in workbook.worksheets[0].values] == ["Mã cán bộ", "A2"]
    assert hr.post(f"{run}/undo").status_code == 409, "nothing is stored yet"
    hr.post(f"{run}/apply")
    services.jobs.run(services.job_handlers)
    assert hr.get(run).json["state"] == "applied"
    assert hr.get("persons/A1").status_code == 200
    hr.post(f"{run}/undo")
    services.jobs.run(services.job_handlers)
    assert hr.get(run).json["state"] == "undone"
    assert hr.get("persons/A1").status_code == 404


def test_an_import_is_nobody_elses(as_role):
    hr, other, head = as_role(Role.HR, WARD), as_role(Role.HR, OTHER_WARD), as_role(Role.APPROVER)
    form = {"file": (io.BytesIO(ROWS.format(WARD).encode()), "rieng.csv")}
    run = hr.post("roster-imports", data=form, content_type="multipart/form-data").json["id"]
    for who in (other, head):
        assert who.get(f"roster-imports/{run}").status_code == 403
        assert who.get(f"roster-imports/{run}/errors.xlsx").status_code == 403
        for act, body in (("columns", {"columns": COLUMNS}), ("apply", None), ("undo", None)):
            assert who.post(f"roster-imports/{run}/{act}", json=body).status_code == 403
