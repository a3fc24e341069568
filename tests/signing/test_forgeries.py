"""Attacks on signed PDFs that are known from the literature, each made and refused.

Mladenov, Mainka et al.: "1 Trillion Dollar Refund" (CCS 2019: incremental saving, wrapping,
universal forgery), "Shadow Attacks" (NDSS 2021), "Breaking the Specification" (S&P 2021).
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream, String
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signer.ca import der
from signer.signing.levels import Level
from signer.signing.sandbox import Sandbox
from signer.signing.validation import (
    Coverage,
    Integrity,
    TimeSource,
    Verdict,
    VerdictClass,
    validate,
)
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, PDF, Authority, Sign
from tests.signing.lasting import Lasting

Check = Callable[[Path], Verdict]
objects: Any = generic
name = objects.pdf_name


@pytest.fixture
def check(authority: Authority, sandbox: Sandbox) -> Check:
    def verdict(path: Path) -> Verdict:
        return validate(
            path, trust_roots=[authority.root.der], intermediates=[authority.issuing.der],
            crls=[authority.crl()], at=NOW + timedelta(hours=1), sandbox=sandbox,
        )  # fmt: skip

    return verdict


@pytest.fixture
def signed(sign: Sign, check: Check, tmp_path: Path) -> Path:
    sign(PDF / "quyet_dinh.pdf", tmp_path / "signed.pdf")
    assert check(tmp_path / "signed.pdf").verdict is VerdictClass.VALID
    return tmp_path / "signed.pdf"


def updated(source: Path, out: Path, change: Callable[[Any], None]) -> Path:
    """An update appended after the signature."""
    with source.open("rb") as stream:
        writer = IncrementalPdfFileWriter(stream, strict=False)
        change(writer)
        with out.open("wb") as file:
            writer.write(file)
    return out


def first_page(writer: Any) -> Any:
    reference, _ = writer.find_page_for_modification(0)
    writer.mark_update(reference)
    return reference.get_object()


def first_signature(writer: Any) -> Any:
    reference = writer.root["/AcroForm"]["/Fields"][0].raw_get("/V")
    writer.mark_update(reference)
    return reference.get_object()


def form_of(writer: Any, content: bytes) -> Any:
    entries = {
        name("/Type"): name("/XObject"),
        name("/Subtype"): name("/Form"),
        name("/BBox"): objects.ArrayObject([objects.NumberObject(n) for n in (0, 0, 600, 850)]),
    }
    return writer.add_object(objects.StreamObject(entries, stream_data=content))


def other_text(writer: Any) -> None:
    first_page(writer)["/Contents"] = writer.add_object(
        objects.StreamObject(stream_data=b"BT /F1 12 Tf (100 ty dong) Tj ET")
    )


def more_pages(writer: Any) -> None:
    tree = writer.root["/Pages"]
    page = objects.DictionaryObject(
        {name("/Type"): name("/Page"), name("/Parent"): writer.root.raw_get("/Pages")}
    )
    tree["/Kids"].append(writer.add_object(page))
    tree[name("/Count")] = objects.NumberObject(2)
    writer.mark_update(writer.root.raw_get("/Pages"))


def note_over_the_text(writer: Any) -> None:
    look = form_of(writer, b"1 g 0 0 600 850 re f")
    note = objects.DictionaryObject(
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/FreeText"),
            name("/Rect"): objects.ArrayObject([objects.NumberObject(n) for n in (0, 0, 600, 850)]),
            name("/AP"): objects.DictionaryObject({name("/N"): look}),
        }
    )
    page = first_page(writer)
    page["/Annots"].append(writer.add_object(note))


def other_resources(writer: Any) -> None:
    first_page(writer)[name("/Resources")] = objects.DictionaryObject()


def script(writer: Any) -> None:
    action = objects.DictionaryObject(
        {name("/S"): name("/JavaScript"), name("/JS"): objects.TextStringObject("app.alert(1)")}
    )
    writer.root[name("/OpenAction")] = action
    writer.update_root()


def other_look_of_the_signature(writer: Any) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[name("/AP")] = objects.DictionaryObject(
        {name("/N"): form_of(writer, b"BT (Chu tich UBND) Tj ET")}
    )
    writer.update_container(field)


UPDATES = {
    "another text": other_text,
    "another page": more_pages,
    "a note over the text": note_over_the_text,
    "other fonts": other_resources,
    "a script": script,
    "another look of the signature": other_look_of_the_signature,
}


@pytest.mark.parametrize("case", UPDATES)
def test_incremental_saving(check: Check, signed: Path, tmp_path: Path, case: str) -> None:
    """The signed bytes stay as they are; what people see does not."""
    found = check(updated(signed, tmp_path / "x.pdf", UPDATES[case]))
    assert found.verdict is VerdictClass.INVALID
    (signature,) = found.signatures
    assert (signature.integrity, signature.coverage_after) == (Integrity.INTACT, Coverage.CHANGED)
    assert signature.changes[-1] == "Nội dung tài liệu bị thay đổi."


def numbers(*values: int) -> Any:
    return objects.ArrayObject([objects.NumberObject(value) for value in values])


FORGED_ENTRIES: dict[str, Callable[[Any], Any]] = {
    "no ByteRange": lambda old: old.pop("/ByteRange"),
    "null ByteRange": lambda old: old.update({name("/ByteRange"): objects.NullObject()}),
    "empty ByteRange": lambda old: old.update({name("/ByteRange"): numbers()}),
    "zero ByteRange": lambda old: old.update({name("/ByteRange"): numbers(0, 0, 0, 0)}),
    "negative ByteRange": lambda old: old.update({name("/ByteRange"): numbers(0, -1, 5, 9)}),
    "huge ByteRange": lambda old: old.update({name("/ByteRange"): numbers(0, 10**18, 10**19, 1)}),
    "overlapping ByteRange": lambda old: old.update(
        {name("/ByteRange"): numbers(0, 20_000, 10_000, 20_000)}
    ),
    "two numbers": lambda old: old.update({name("/ByteRange"): numbers(0, 30_000)}),
    "six numbers": lambda old: old.update({name("/ByteRange"): numbers(0, 9, 9, 9, 9, 9)}),
    "not from the start": lambda old: old.update({name("/ByteRange"): numbers(9, 9, 99, 9)}),
    "words for numbers": lambda old: old.update(
        {name("/ByteRange"): objects.ArrayObject([name("/A")] * 4)}
    ),
    "no Contents": lambda old: old.pop("/Contents"),
    "null Contents": lambda old: old.update({name("/Contents"): objects.NullObject()}),
    "empty Contents": lambda old: old.update({name("/Contents"): objects.ByteStringObject(b"")}),
    "zero Contents": lambda old: old.update(
        {name("/Contents"): objects.ByteStringObject(b"\x00" * 64)}
    ),
}


@pytest.mark.parametrize("case", FORGED_ENTRIES)
def test_universal_forgery(check: Check, signed: Path, tmp_path: Path, case: str) -> None:
    """A signature dictionary that leaves out, empties or twists what would be verified."""

    def forge(writer: Any) -> None:
        FORGED_ENTRIES[case](first_signature(writer))

    found = check(updated(signed, tmp_path / "x.pdf", forge))
    assert found.verdict is VerdictClass.INVALID
    assert found.signatures[0].integrity is not Integrity.INTACT
    assert found.signatures[0].ades_indication == "TOTAL-FAILED"


def test_signature_wrapping(check: Check, signed: Path, tmp_path: Path) -> None:
    """The second signed part is moved back; where it stood is a cross-reference table of the
    attacker's, and a copy of the signature that names the new place."""
    data = signed.read_bytes()
    with pikepdf.open(signed) as document:
        field = document.Root.AcroForm.Fields[0]
        number, _ = field.V.objgen
        page, _ = document.pages[0].obj.objgen
        _, length, second, rest = (int(value) for value in field.V.ByteRange)
        root, _ = document.Root.objgen
        size = int(document.trailer.Size)
    place = int(data[data.rindex(b"startxref") + 9 :].split()[0])
    assert place > second
    injected = bytearray(data[:second])
    injected += b"\n" * (place - second)
    moved = place + 60_000
    table = b"xref\n%d 1\n%010d 00000 n \n%d 1\n%010d 00000 n \n"
    trailer = b"trailer\n<</Root %d 0 R/Size %d/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    before = int(data.rindex(b"startxref", 0, length) + 9)
    previous = int(data[before:].split()[0])
    objects_at = place + 2_000
    copy = data[data.rindex(b"%d 0 obj" % number, 0, length) : second]
    head, _, tail = copy.partition(b"/ByteRange")
    _, _, tail = tail.partition(b"]")
    copy = head + b"/ByteRange [0 %d %d %d]" % (length, moved, rest) + tail + b">>\nendobj\n"
    other = b"%d 0 obj\n<</Type/Page/MediaBox[0 0 9 9]>>\nendobj\n" % page
    injected += table % (page, objects_at + len(copy), number, objects_at)
    injected += trailer % (root, size, previous, place)
    injected += b"\n" * (objects_at - len(injected)) + copy + other
    injected += b"\n" * (moved - len(injected)) + data[second : second + rest]
    out = tmp_path / "x.pdf"
    out.write_bytes(injected)
    assert check(out).verdict is not VerdictClass.VALID


def prepared(path: Path, change: Callable[[pikepdf.Pdf], None]) -> Path:
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        change(document)
        document.save(path)
    return path


def white_sheet(document: pikepdf.Pdf) -> None:
    """Hide: a form XObject over the text, empty for now or soon."""
    page = document.pages[0]
    sheet = Stream(document, b"1 g 0 0 600 850 re f")
    sheet.update(Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 600, 850])))
    page.add_resource(sheet, Name.XObject, Name.Sheet)
    page.contents_add(Stream(document, b"/Sheet Do"))


def take_the_sheet_off(writer: Any) -> None:
    page, _ = writer.find_page_for_modification(0)
    resources = page.get_object()["/Resources"]["/XObject"]
    sheet = resources.raw_get("/Sheet")
    empty = form_of(writer, b"").get_object()
    writer.objects[(sheet.generation, sheet.idnum)] = empty


def text_field(document: pikepdf.Pdf) -> None:
    """Replace: a text field whose look has nothing to do with its value."""
    look = Stream(document, b"BT /Helv 12 Tf (1 trieu) Tj ET")
    look.update(Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 30])))
    field = document.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Tx,
            T=String("tien"),
            V=String("x"),
            Rect=Array([100, 600, 300, 630]),
            F=4,
            AP=Dictionary(N=document.make_indirect(look)),
        )
    )
    document.pages[0].obj.Annots = Array([field])
    document.Root.AcroForm = Dictionary(Fields=Array([field]))


def move_the_field(writer: Any) -> None:
    """Over another sum, as big as the page."""
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[name("/Rect")] = numbers(0, 0, 600, 850)
    writer.update_container(field)


def second_tree(document: pikepdf.Pdf) -> None:
    """Hide and replace: another document's pages wait in the file, used by nobody."""
    page = document.make_indirect(
        Dictionary(Type=Name.Page, MediaBox=Array([0, 0, 595, 842]), Resources=Dictionary())
    )
    document.Root.Waiting = document.make_indirect(
        Dictionary(Type=Name.Pages, Kids=Array([page]), Count=1)
    )


def use_the_second_tree(writer: Any) -> None:
    writer.root[name("/Pages")] = writer.root.raw_get("/Waiting")
    writer.update_root()


SHADOWS = {
    "hide": (white_sheet, take_the_sheet_off),
    "replace": (text_field, move_the_field),
    "hide and replace": (second_tree, use_the_second_tree),
}


@pytest.mark.parametrize("case", SHADOWS)
def test_shadow_attacks(sign: Sign, check: Check, tmp_path: Path, case: str) -> None:
    """What was prepared before the signature is found when it is used after it."""
    prepare, use = SHADOWS[case]
    sign(prepared(tmp_path / "prepared.pdf", prepare), tmp_path / "signed.pdf")
    assert check(tmp_path / "signed.pdf").verdict is VerdictClass.VALID
    found = check(updated(tmp_path / "signed.pdf", tmp_path / "x.pdf", use))
    assert found.verdict is VerdictClass.INVALID
    assert found.signatures[0].coverage_after is Coverage.CHANGED


@pytest.mark.parametrize("same_value", [True, False])
def test_two_fields_of_one_name(
    check: Check, signed: Path, tmp_path: Path, same_value: bool
) -> None:
    """A second field under the name of the first, or a second look of the same signature."""

    def add(writer: Any) -> None:
        form = writer.root["/AcroForm"]
        first = form["/Fields"][0]
        field = objects.DictionaryObject(dict(first.items()))
        field[name("/V")] = first.raw_get("/V")
        if same_value:
            field[name("/T")] = objects.TextStringObject("Another")
        else:
            field[name("/V")] = writer.add_object(first["/V"])
        form["/Fields"].append(writer.add_object(field))
        writer.update_container(form)
        writer.update_root()

    found = check(updated(signed, tmp_path / "x.pdf", add))
    assert found.verdict is VerdictClass.INVALID
    assert "trùng tên" in " ".join(found.signatures[0].sentences)


TAILS = {
    "a comment": b"% more\n",
    "an object": b"99 0 obj\n<</Type/Page>>\nendobj\n",
    "an end without a table": b"x\n%%EOF\n",
    "the end once more": b"startxref\n0\n%%EOF\n",
}


@pytest.mark.parametrize("case", TAILS)
def test_something_behind_the_end(check: Check, signed: Path, tmp_path: Path, case: str) -> None:
    """Bytes after the signed part that are no proper update."""
    out = tmp_path / "x.pdf"
    out.write_bytes(signed.read_bytes() + TAILS[case])
    assert check(out).verdict is not VerdictClass.VALID


def test_the_signed_revision_left_out(check: Check, signed: Path, tmp_path: Path) -> None:
    """A new table that goes on from the version before the signature."""
    data = signed.read_bytes()
    unsigned = PDF / "quyet_dinh.pdf"
    with pikepdf.open(unsigned) as document:
        root, _ = document.Root.objgen
        size = int(document.trailer.Size)
    old = unsigned.read_bytes()
    before = int(old[old.rindex(b"startxref") + 9 :].split()[0])
    tail = b"xref\n0 0\ntrailer\n<</Root %d 0 R/Size %d/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    out = tmp_path / "x.pdf"
    out.write_bytes(data + tail % (root, size, before, len(data)))
    assert check(out).verdict is not VerdictClass.VALID


@pytest.fixture
def lasting(authority: Authority) -> Lasting:
    return Lasting(authority, StandingClock(NOW))


def with_contents(path: Path, out: Path, contents: bytes, field: int) -> Path:
    """The gap of that field's signature filled anew."""
    with pikepdf.open(path) as document:
        _, start, end, _ = (int(n) for n in document.Root.AcroForm.Fields[field].V.ByteRange)
    data = path.read_bytes()
    gap = b"<" + contents.hex().encode().ljust(end - start - 2, b"0") + b">"
    out.write_bytes(data[:start] + gap + data[end:])
    return out


def contents_of(path: Path, field: int) -> bytes:
    with pikepdf.open(path) as document:
        return bytes(document.Root.AcroForm.Fields[field].V.Contents)


def signed_data_of(contents: bytes) -> list[bytes]:
    """The parts of the SignedData; the last one holds the only signer."""
    (_, wrapped) = der.children(contents)[1]
    return [part for _, part in der.children(der.children(wrapped)[0][1])]


def test_a_stamp_of_another_signature(
    sign: Sign, check: Check, lasting: Lasting, tmp_path: Path
) -> None:
    """The unsigned attribute is not under the signature: whose stamp it is must be checked."""
    who = lasting.certified("Trần Thị B")
    paths = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for path in paths:
        sign(
            PDF / "quyet_dinh.pdf", path, who=who, level=Level.B_T, stamper=lasting.stamper,
            material=lasting.material(who), reason=path.name,
        )  # fmt: skip
    ours, theirs = (contents_of(path, 0).rstrip(b"\x00") for path in paths)
    stolen = der.children(der.children(signed_data_of(theirs)[-1])[0][1])[-1][1]
    *before, signers = signed_data_of(ours)
    signer = [part for _, part in der.children(der.children(signers)[0][1])]
    signers = der.tlv(der.SET, der.tlv(der.SEQUENCE, *signer[:-1], stolen))
    kind = der.children(ours)[0][1]
    forged = der.tlv(der.SEQUENCE, kind, der.tlv(0xA0, der.tlv(der.SEQUENCE, *before, signers)))
    out = with_contents(paths[0], tmp_path / "x.pdf", forged, 0)
    (signature,) = check(out).signatures
    assert (signature.time_source, signature.level) == (TimeSource.CLAIMED, "B-B")
    assert "Dấu thời gian không hợp lệ." in signature.sentences


def test_an_archive_stamp_of_another_document(
    sign: Sign, check: Check, lasting: Lasting, tmp_path: Path
) -> None:
    """It proves nothing here."""
    who = lasting.certified("Trần Thị B")
    paths = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for path in paths:
        sign(
            PDF / "quyet_dinh.pdf", path, who=who, level=Level.B_LTA, stamper=lasting.stamper,
            material=lasting.material(who), reason=path.name,
        )  # fmt: skip
    out = with_contents(paths[0], tmp_path / "x.pdf", contents_of(paths[1], 1).rstrip(b"\x00"), 1)
    found = check(out)
    assert found.verdict is VerdictClass.INVALID
    assert [one.level for one in found.signatures] == ["B-LT", ""]
    assert found.signatures[1].ades_subindication == "HASH_FAILURE"
