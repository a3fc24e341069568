"""The commands as an operator types them, on an installation made by `signer setup`."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, SIGNER, program

DATA = ROOT / "tests" / "data"
SAMPLE = DATA / "danh_sach_mau.xlsx"
DECISION = DATA / "pdf" / "quyet_dinh.pdf"

pytestmark = pytest.mark.timeout(400)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation without demo data, with the sample roster and one request issued."""
    return tmp_path_factory.mktemp("home") / "instance"


@pytest.fixture(scope="module")
def signer(home: Path) -> Run:
    """Runs a command; checks its exit code."""

    def run(*words: str | Path, code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = program(home, *SIGNER, *words, language="C")
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture(scope="module")
def issued(signer: Run) -> dict[str, Any]:
    """The roster imported, one request of everybody filed, approved and worked off."""
    signer("setup", "--empty", "--no-serve")
    dry = json.loads(signer("roster", "import", SAMPLE, "--dry-run", "--json").stdout)
    assert json.loads(signer("person", "list", "--json").stdout) == []
    real = json.loads(signer("roster", "import", SAMPLE, "--json").stdout)
    assert dry == real
    again = json.loads(signer("roster", "import", SAMPLE, "--json").stdout)
    signer("account", "create", "hr", "--role", "hr")
    signer("account", "create", "head", "--role", "approver")
    made = json.loads(
        signer("request", "create", "--unit", "HN", "--lacking", "--as", "hr", "--json").stdout
    )
    signer("request", "approve", str(made["id"]), "--as", "hr", code=1)
    signer("request", "approve", str(made["id"]), "--as", "head")
    signer("request", "approve", str(made["id"]), "--as", "head", code=1)
    work = json.loads(signer("issue", "--json").stdout)
    return {"roster": real, "again": again, "request": made, "work": work}


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    """A PIN only its owner may read."""
    return _secret(tmp_path / "pin", "hoa-sen-2026")


def _secret(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(text + "\n", encoding="utf-8")
    return file


def test_the_sample_roster_has_the_expected_counts(issued: dict[str, Any]) -> None:
    """300 rows, 13 with errors; the same file again changes nothing."""
    roster, again = issued["roster"], issued["again"]
    assert [roster[key] for key in ("rows", "new", "changed", "same")] == [300, 287, 0, 0]
    assert len({error["row"] for error in roster["errors"]}) == 13
    assert {"row", "column", "value", "message"} <= roster["errors"][0].keys()
    assert [again[key] for key in ("new", "changed", "same")] == [0, 0, 287]


def test_everybody_with_an_address_has_a_certificate(signer: Run, issued: dict[str, Any]) -> None:
    """Nine people have no official e-mail and are named as refused."""
    assert issued["request"]["persons"] + len(issued["request"]["refused"]) == 287
    assert issued["work"] == {
        "items": issued["request"]["persons"],
        "issued": issued["request"]["persons"],
        "failed": 0,
    }
    covered = json.loads(signer("person", "list", "--covered", "--json").stdout)
    lacking = json.loads(signer("person", "list", "--lacking", "--json").stdout)
    assert len(covered) == issued["request"]["persons"]
    assert {p["code"] for p in lacking} == {r["code"] for r in issued["request"]["refused"]}
    assert len({p["certificate"] for p in covered}) == len(covered)
    assert lacking[0].keys() == {"code", "name", "unit", "state", "certificate"}
    figures = json.loads(signer("coverage", "--json").stdout)
    assert (figures["persons"], figures["covered"]) == (287, len(covered))
    assert sum(unit["persons"] for unit in figures["units"]) == 287
    before = json.loads(signer("coverage", "--as-of", "2025-06-30", "--json").stdout)
    assert before["covered"] == 0
    assert {u["code"] for u in before["units"]} != {u["code"] for u in figures["units"]}


def test_requests_are_listed_and_a_decided_one_stays_so(
    signer: Run, issued: dict[str, Any]
) -> None:
    """Nobody without an address makes a request; an approved one cannot be refused any more."""
    (done,) = json.loads(signer("request", "list", "--state", "approved", "--json").stdout)
    assert (done["id"], done["persons"]) == (issued["request"]["id"], issued["request"]["persons"])
    refused = issued["request"]["refused"][0]["code"]
    signer("request", "create", "--person", refused, "--as", "hr", code=1)
    assert json.loads(signer("request", "list", "--state", "pending", "--json").stdout) == []
    signer("request", "reject", str(done["id"]), "--as", "head", "--reason", "muộn", code=1)


def test_signed_and_verified_on_the_command_line(
    signer: Run, issued: dict[str, Any], pin_file: Path, tmp_path: Path
) -> None:
    """0 valid, 1 invalid, 2 no telling."""
    signer("activate", "--person", "HN000001", "--pin-file", pin_file)
    out = tmp_path / "signed.pdf"
    words = ("--person", "HN000001", "--pin-file", pin_file, "--out", out)
    signer("sign", DECISION, *words, "--near", "Trần Thị B")
    told = json.loads(signer("verify", out, "--json").stdout)
    assert told["verdict"] == "valid"
    assert told["signatures"][0]["signer"] == "Hoàng Kim Ánh"
    paper, xml = tmp_path / "paper.pdf", tmp_path / "report.xml"
    shown = signer("verify", out, "--paper", paper, "--xml", xml).stdout
    for said in ("Chữ ký hợp lệ!", "- Hoàng Kim Ánh", "Tình trạng thu hồi: Chưa bị thu hồi"):
        assert said in shown
    assert paper.read_bytes().startswith(b"%PDF-")
    assert "mainindication:total-passed" in xml.read_text(encoding="utf-8")

    spoiled = tmp_path / "spoiled.pdf"
    content = bytearray(out.read_bytes())
    content[len(DECISION.read_bytes()) // 2] ^= 1
    spoiled.write_bytes(content)
    signer("verify", spoiled, code=1)
    signer("verify", DECISION, code=2)
    signer("verify", DECISION, "--xml", xml, code=1)  # no signature, no report


def test_a_wrong_pin_five_times_and_a_new_activation(
    signer: Run, issued: dict[str, Any], pin_file: Path, tmp_path: Path
) -> None:
    """The tries are counted down aloud; re-activation brings a new key and certificate."""
    signer("activate", "--person", "HN000002", "--pin-file", pin_file)
    wrong = _secret(tmp_path / "wrong", "không phải mã")
    out = tmp_path / "out.pdf"
    words = ("sign", DECISION, "--person", "HN000002", "--out", out, "--pin-file")
    wrong.chmod(0o644)
    assert "0600" in signer(*words, wrong, code=1).stderr  # a warning; the try counts all the same
    wrong.chmod(0o600)
    for left in (3, 2, 1):
        assert str(left) in signer(*words, wrong, code=1).stderr
    assert "khóa" in signer(*words, wrong, code=1).stderr
    signer(*words, pin_file, code=1)
    assert not out.exists()
    signer("activate", "--person", "HN000002", "--pin-file", pin_file)
    signer(*words, pin_file)
    assert out.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("sign", DECISION, "--person", "KHONG", "--out", "x.pdf"), 1, "Không tìm thấy"),
        (("sign", SAMPLE, "--person", "HN000001", "--out", "x.pdf"), 1, "PDF"),
        (("roster", "import", DECISION), 1, ""),
        (("coverage", "--unit", "KHONG"), 1, "KHONG"),
        (("request", "create", "--as", "hr"), 1, "chọn"),
        (("request", "create", "--as", "nobody", "--unit", "HN", "--lacking"), 1, "nobody"),
        (("verify",), 64, ""),
        (("no-such-command",), 64, ""),
    ],
    ids=str,
)
def test_a_refusal_is_one_sentence_and_an_exit_code(
    signer: Run,
    issued: dict[str, Any],
    pin_file: Path,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """No traceback, whatever was typed."""
    more = ("--pin-file", pin_file) if words[0] == "sign" else ()
    done = signer(*words, *more, code=code)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_finds_everything_well(signer: Run, issued: dict[str, Any]) -> None:
    """Database, record, HSM, CA key, CRL."""
    findings = json.loads(signer("doctor", "--json").stdout)
    assert len(findings) >= 5
    assert all(finding["is_well"] for finding in findings)
