"""The preflight: every kind of bad document has its verdict and one sentence."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from signer.errors import Invalid, SignerError
from signer.signing.pages import PageRenderer
from signer.signing.preflight import PreflightVerdict, inspect
from signer.signing.sandbox import Reply, Sandbox
from signer.signing.validation import validate
from tests.signing.conftest import NOW, PDF, Authority, Sign
from tests.signing.documents import bomb, changed, page_of, with_action, with_empty_field

LIMIT = 120 * 1024 * 1024
Name = pikepdf.Name


@pytest.mark.parametrize(
    ("name", "pages"), [("quyet_dinh", 1), ("ban_quet", 3), ("bao_cao_29_trang", 29)]
)
def test_the_three_documents(sandbox: Sandbox, name: str, pages: int) -> None:
    """Ready to sign, with the size of every page."""
    found = inspect(PDF / f"{name}.pdf", LIMIT, sandbox=sandbox)
    assert (found.verdict, len(found.pages), found.signatures) == ("ok", pages, 0)
    assert all(abs(size.width - 595) < 1 and abs(size.height - 842) < 1 for size in found.pages)
    assert found.may_sign
    found.require_signable()


def encrypted(path: Path, user: str) -> Path:
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        document.save(path, encryption=pikepdf.Encryption(owner="x", user=user))
    return path


def truncated(path: Path) -> Path:
    path.write_bytes((PDF / "quyet_dinh.pdf").read_bytes()[:50_000])
    return path


def huge(path: Path) -> Path:
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        file.truncate(300 * 1024 * 1024)
    return path


def written(data: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return make


def xfa(path: Path) -> Path:
    def change(document: pikepdf.Pdf) -> None:
        stream = document.make_stream(b"<xdp/>")
        document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([]), XFA=stream)

    return changed(path, change)


def javascript_names(path: Path) -> Path:
    def change(document: pikepdf.Pdf) -> None:
        action = document.make_indirect(pikepdf.Dictionary(S=Name.JavaScript, JS="app.alert(1)"))
        names = pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String("x"), action]))
        document.Root.Names = pikepdf.Dictionary(JavaScript=names)

    return changed(path, change)


def circular_pages(path: Path) -> Path:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.Pages.Kids.append(document.Root.Pages)

    return changed(path, change)


def no_pages(path: Path) -> Path:
    document = pikepdf.new()
    document.save(path)
    return path


def deep(path: Path) -> Path:
    """Arrays in arrays, to exhaust the stack of a reader."""
    body = b"[" * 50_000 + b"]" * 50_000
    objects = [
        b"1 0 obj\n<</Type/Catalog/Pages 2 0 R/Deep " + body + b">>\nendobj\n",
        b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n",
        b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>\nendobj\n",
    ]
    data, offsets = b"%PDF-1.4\n", []
    for item in objects:
        offsets.append(len(data))
        data += item
    table = b"xref\n0 4\n0000000000 65535 f \n"
    table += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += table + b"trailer\n<</Root 1 0 R/Size 4>>\nstartxref\n%d\n%%%%EOF\n" % (len(data))
    path.write_bytes(data)
    return path


BAD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "password": (lambda p: encrypted(p, "x"), "encrypted", "đặt mật khẩu"),
    "owner password only": (lambda p: encrypted(p, ""), "encrypted", "đặt mật khẩu"),
    "truncated": (truncated, "damaged", "bị hỏng"),
    "300 MB": (huge, "too_large", "quá lớn"),
    "empty": (written(b""), "not_pdf", "không phải"),
    "a web page": (written(b"<html>%PDF</html>"), "not_pdf", "không phải"),
    "a zip": (written(b"PK\x03\x04" + bytes(2000)), "not_pdf", "không phải"),
    "only a header": (written(b"%PDF-1.7\n"), "damaged", "bị hỏng"),
    "noise": (written(b"%PDF-1.7\n" + bytes(range(256)) * 40), "damaged", "bị hỏng"),
    "javascript on open": (
        lambda p: with_action(p, S=Name.JavaScript, JS="app.alert(1)"),
        "forbidden_content",
        "JavaScript",
    ),
    "javascript by name": (javascript_names, "forbidden_content", "JavaScript"),
    "launch": (
        lambda p: with_action(p, S=Name.Launch, F="cmd.exe"),
        "forbidden_content",
        "mở chương trình",
    ),
    "xfa": (xfa, "forbidden_content", "XFA"),
    "bomb of one layer": (lambda p: bomb(p, layers=1, megabytes=400), "too_large", "bung ra"),
    "bomb of three layers": (lambda p: bomb(p, layers=3, megabytes=400), "too_large", "bung ra"),
    "circular pages": (circular_pages, "damaged", "bị hỏng"),
    "no pages": (no_pages, "damaged", "không có trang"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_documents(sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    """A verdict and a sentence, never an exception of a library."""
    make, verdict, sentence = BAD[case]
    found = inspect(make(tmp_path / "in.pdf"), LIMIT, sandbox=sandbox)
    assert found.verdict == verdict
    assert sentence in found.sentence % dict(found.values)
    assert not found.may_sign
    with pytest.raises(Invalid):
        found.require_signable()


def test_nesting_is_survived(sandbox: Sandbox, tmp_path: Path) -> None:
    """A document made to break the reader's stack is refused, whatever it broke."""
    found = inspect(deep(tmp_path / "in.pdf"), LIMIT, sandbox=sandbox)
    assert not found.may_sign
    assert inspect(PDF / "quyet_dinh.pdf", LIMIT, sandbox=sandbox).may_sign


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The only error there is."""
    with pytest.raises(Invalid, match="Không tìm thấy"):
        inspect(tmp_path / "x.pdf", LIMIT)


def test_signed_documents_may_be_signed_again(sign: Sign, sandbox: Sandbox, tmp_path: Path) -> None:
    """Signatures and fields are counted, with their places."""
    sign(PDF / "quyet_dinh.pdf", tmp_path / "out.pdf")
    found = inspect(tmp_path / "out.pdf", LIMIT, sandbox=sandbox)
    assert (found.verdict, found.signatures, found.may_sign) == (PreflightVerdict.SIGNED, 1, True)
    (field,) = found.fields
    assert (field.name, field.page, field.signed) == ("Signature1", 1, True)
    assert field.box is not None
    assert field.box.to_json() == [330, 240, 500, 290]


def test_a_certified_document_that_forbids_changes(
    sign: Sign, sandbox: Sandbox, tmp_path: Path
) -> None:
    """DocMDP with P = 1: a further signature would break the first."""
    sign(PDF / "quyet_dinh.pdf", tmp_path / "a.pdf")

    def certify(document: pikepdf.Pdf) -> None:
        signature = document.Root.AcroForm.Fields[0].V
        parameters = pikepdf.Dictionary(Type=Name.TransformParams, P=1, V=Name("/1.2"))
        reference = pikepdf.Dictionary(TransformMethod=Name.DocMDP, TransformParams=parameters)
        signature.Reference = pikepdf.Array([reference])

    found = inspect(
        changed(tmp_path / "b.pdf", certify, source=tmp_path / "a.pdf"), LIMIT, sandbox=sandbox
    )
    assert found.verdict is PreflightVerdict.LOCKED
    assert (found.may_sign, found.is_readable, len(found.pages)) == (False, True, 1)


def test_empty_fields_are_listed_as_displayed(sandbox: Sandbox, tmp_path: Path) -> None:
    """The box is in displayed points, an invisible field has none."""
    path = with_empty_field(tmp_path / "a.pdf", "Lãnh đạo", (100, 60, 300, 120))
    (field,) = inspect(path, LIMIT, sandbox=sandbox).fields
    assert (field.name, field.signed) == ("Lãnh đạo", False)
    assert field.box is not None
    assert field.box.to_json() == [100, 60, 300, 120]
    path = with_empty_field(tmp_path / "b.pdf", "Ẩn", (0, 0, 0, 0))
    (field,) = inspect(path, LIMIT, sandbox=sandbox).fields
    assert field.box is None


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_page_sizes_are_as_displayed(sandbox: Sandbox, tmp_path: Path, rotate: int) -> None:
    """CropBox inside MediaBox, turned, inherited."""
    path = page_of(
        tmp_path / "a.pdf",
        rotate=rotate,
        media=(-100, 50, 600, 650),
        crop=(-80, 60, 520, 900),
        inherited=True,
    )
    (size,) = inspect(path, LIMIT, sandbox=sandbox).pages
    expected = (600, 590) if rotate % 180 == 0 else (590, 600)
    assert (size.width, size.height, size.rotation) == (*expected, rotate)


def test_size_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    """No child process is even started for a file that is too large."""
    started: list[int] = []

    class Counting(Sandbox):
        def call(self, *args: object, **more: object) -> None:  # type: ignore[override]
            started.append(1)

    found = inspect(huge(tmp_path / "x.pdf"), LIMIT, sandbox=Counting())
    assert found.verdict is PreflightVerdict.TOO_LARGE
    assert found.sentence % dict(found.values) == "Tệp PDF quá lớn: tối đa 120 MB."
    assert not started


def test_a_stored_file_is_read_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """Asked again about the same file no child works; another file in its place is read."""
    calls: list[str] = []

    class Counting(Sandbox):
        def call(self, task: str, *args: object, **more: object) -> Reply:  # type: ignore[override]
            calls.append(task)
            return sandbox.call(task, *args, **more)  # type: ignore[arg-type]

    path, other = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for file, source in ((path, "quyet_dinh"), (other, "ban_quet")):
        file.write_bytes((PDF / f"{source}.pdf").read_bytes())
        os.utime(file, (1_700_000_000, 1_700_000_000))
    found = [inspect(path, LIMIT, sandbox=Counting()) for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert len(calls) == 1
    other.replace(path)
    assert len(inspect(path, LIMIT, sandbox=Counting()).pages) == 3
    path.write_bytes((PDF / "quyet_dinh.pdf").read_bytes())
    os.utime(path, (4_000_000_000, 4_000_000_000))  # younger than now: it may still change
    for expected in (3, 4):
        assert len(inspect(path, LIMIT, sandbox=Counting()).pages) == 1
        assert len(calls) == expected


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"verdict": "fine"}, {"verdict": "ok", "pages": 3}]
)
def test_nonsense_from_the_child_is_damage(tmp_path: Path, answer: object) -> None:
    """A child that a file took over changes the verdict on that file and nothing else."""

    class TakenOver(Sandbox):
        def call(self, *args: object, **more: object) -> Reply:  # type: ignore[override]
            return Reply(value=answer)

    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7")
    assert inspect(path, LIMIT, sandbox=TakenOver()).verdict is PreflightVerdict.DAMAGED


def test_mutated_documents_never_leak_an_exception(
    sign: Sign, sandbox: Sandbox, authority: Authority, tmp_path: Path
) -> None:
    """Bytes changed, cut out or put in at random: every door answers in its own words."""
    sign(PDF / "quyet_dinh.pdf", tmp_path / "signed.pdf")
    whole = (tmp_path / "signed.pdf").read_bytes()
    path, pages, chance = tmp_path / "x.pdf", PageRenderer(sandbox), random.Random(20261123)
    trust: dict[str, Any] = {
        "trust_roots": [authority.root.der],
        "crls": [authority.crl()],
        "at": NOW,
    }
    doors: list[Callable[[], object]] = [
        lambda: inspect(path, LIMIT, sandbox=sandbox),
        lambda: validate(path, **trust, sandbox=sandbox),
        lambda: pages.image(path, 1, 40),
        lambda: pages.text(path, 1),
        lambda: sign(path, tmp_path / "out.pdf"),
    ]
    marks = [b"obj", b"<<", b"xref", b"trailer", b"ByteRange", b"Kids", b"Parent", b" R"]
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 2, 8])):
            at = max(
                0, data.find(chance.choice(marks), chance.randrange(len(data) // 2, len(data)))
            )
            at = min(at + chance.randrange(12), len(data) - 1)
            junk = [b"/", b"<<", b"-1", b"0 0 R", b"4 0 R", b"99999999999", b"\x00", b""]
            data[at : at + chance.randrange(20)] = chance.choice(junk)
        path.write_bytes(data)
        for door in doors:
            try:
                door()
            except SignerError:
                refused += 1
    assert refused > 10
