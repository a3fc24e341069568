"""The whole story through the API: a roster, a request, certificates, a signature, a figure."""

import io
import subprocess
from pathlib import Path

import openpyxl
import pytest

from signer.accounts import SYSTEM, Role
from tests.factories import WARD

DATA = Path(__file__).parent.parent / "data"
PDF = DATA / "pdf" / "quyet_dinh.pdf"
PIN = "135790"


def upload(caller, path, field, file, **fields):
    data = {**fields, field: (io.BytesIO(file.read_bytes()), file.name)}
    return caller.post(path, data=data, content_type="multipart/form-data")


@pytest.fixture
def cast(nobody, city):
    """The people of the story; the city starts with nobody in the roster."""
    roles = {"hr": Role.HR, "head": Role.APPROVER}
    return {name: nobody.log_in(*city.account(name, role, None)) for name, role in roles.items()}


def test_from_a_messy_roster_to_a_signed_dossier_and_a_figure(
    cast, nobody, services, city, tmp_path
):
    hr, head = cast["hr"], cast["head"]

    # 1. HR uploads the roster, sees the dry run, applies it.
    checked = upload(hr, "roster-imports", "file", DATA / "danh_sach_mau.xlsx")
    assert checked.status_code == 201, checked.text
    run = checked.json
    assert run["rows"] == run["new"] + run["changed"] + run["same"] + len(
        {e["row"] for e in run["errors"]}
    )
    assert run["new"] > 0
    assert all(e["message"] and e["column"] for e in run["errors"])
    receipt = hr.post(f"roster-imports/{run['id']}/apply")
    assert receipt.status_code == 200, receipt.text
    services.jobs.run(services.job_handlers, job_id=receipt.json["job_id"])
    stored = hr.get(f"roster-imports/{run['id']}").json
    assert (stored["state"], stored["stored_new"]) == ("applied", run["new"])
    again = upload(hr, "roster-imports", "file", DATA / "danh_sach_mau.xlsx").json
    assert (again["new"], again["changed"]) == (0, 0)

    # Who lacks a certificate, and one request for all of them.
    first = hr.get("persons?state=lacking&limit=200").json
    rest = hr.get(f"persons?state=lacking&limit=200&after={first['next']}").json
    assert rest["next"] is None
    assert len(first["persons"] + rest["persons"]) == run["new"]
    before = hr.get("coverage").json
    assert (before["persons"], before["covered"]) == (run["new"], 0)
    made = hr.post("requests", json={"unit": "HN", "lacking": True, "reason": "Cấp lần đầu"})
    assert made.status_code == 201, made.text
    request_id = made.json["id"]
    assert made.json["persons"] + len(made.json["refused"]) == run["new"]
    assert hr.get("coverage").json["pending"] == made.json["persons"]

    # 2. The requester may not approve; another one does, and the job issues.
    assert hr.post(f"requests/{request_id}/approve", json={}).status_code == 403
    job_id = head.post(f"requests/{request_id}/approve", json={"note": "Đồng ý"}).json["job_id"]
    assert head.get(f"jobs/{job_id}").json["waiting"] == made.json["persons"]
    services.jobs.run(services.job_handlers)
    job = head.get(f"jobs/{job_id}").json
    assert (job["state"], job["done"], job["failed"]) == ("done", made.json["persons"], 0)
    issued = head.get(f"requests/{request_id}/persons").json
    assert {person["state"] for person in issued} == {"ready"}

    # 3. The official sets a PIN, finds the paper, signs where the name stands.
    official = services.inventory.person_of(SYSTEM, issued[0]["code"])
    name, password = city.account("official", Role.SIGNER, None)
    account_id = services.accounts.actor_of(name).account_id
    services.inventory.link_account(SYSTEM, official.id, account_id)
    signer = nobody.log_in(name, password)
    assert signer.get("me/key").json["state"] == "ready"
    assert signer.post("me/key/activate", json={"pin": PIN}).json["state"] == "active"
    filed = upload(hr, "dossiers", "files", PDF, title="Trình ký", unit=WARD, signers=official.code)
    assert filed.status_code == 201, filed.text
    [waiting] = signer.get("me/documents").json
    assert waiting["dossier_id"] == filed.json["id"]
    address = f"documents/{waiting['id']}"
    place = signer.get(f"{address}/proposal").json
    body = {
        "pin": PIN,
        "page": place["page"],
        "box": [place["box"][k] for k in ("x0", "y0", "x1", "y1")],
        "field": place["field"],
        "shown_sha256": waiting["sha256"],
        "unseen": True,
    }
    wrong = signer.post(f"{address}/sign", json=body | {"pin": "000000"})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "pin")
    stale = signer.post(f"{address}/sign", json=body | {"shown_sha256": "0" * 64})
    assert stale.status_code == 409
    signed = signer.post(f"{address}/sign", json=body)
    assert signed.status_code == 200, signed.text
    assert signed.json["state"] == "signed"
    assert signer.post(f"{address}/sign", json=body).json["sha256"] == signed.json["sha256"]
    assert hr.get(f"dossiers/{filed.json['id']}").json["state"] == "done"

    # 4. The signed PDF downloads, and anybody can check it.
    file = signer.get(f"{address}/file")
    assert file.content_type == "application/pdf"
    original = hr.get(f"{address}/file?version=0")
    assert original.data == PDF.read_bytes()
    assert file.data.startswith(original.data)
    paper = {"file": (io.BytesIO(file.data), "signed.pdf")}
    verdict = nobody.post("verify", data=paper, content_type="multipart/form-data").json
    assert verdict["verdict"] == "valid", verdict
    assert verdict["signatures"][0]["signer"] == official.full_name
    copy = tmp_path / "signed.pdf"
    copy.write_bytes(file.data)
    said = subprocess.run(["pdfsig", "-nocert", copy], capture_output=True, text=True, check=True)
    assert "Signature is Valid." in said.stdout
    subprocess.run(["qpdf", "--check", copy], capture_output=True, check=True)

    # 5. The figure has moved, and the workbook says the same.
    after = hr.get("coverage").json
    assert (after["covered"], after["pending"]) == (made.json["persons"], 0)
    assert sum(unit["covered"] for unit in after["units"]) == after["covered"]
    workbook = hr.get("coverage.xlsx")
    assert "spreadsheetml" in workbook.content_type
    rows = list(openpyxl.load_workbook(io.BytesIO(workbook.data)).worksheets[0].values)
    assert rows[-1][3:5] == (after["persons"], after["covered"])
    assert services.audit.verify() > 0
