"""Prepared files (Mainka et al., "Shadow Attacks", NDSS 2021) are told before anybody signs."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest

from signer.signing.geometry import Box, Slot
from signer.signing.levels import Level
from signer.signing.pdf import prepare_fields
from signer.signing.preflight import WARNINGS, Preflight, inspect, repair
from signer.signing.sandbox import Sandbox
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, PDF, Authority, Sign
from tests.signing.documents import changed, page_of, with_empty_field
from tests.signing.lasting import Lasting

LIMIT = 120 * 1024 * 1024
PAGE = (
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
    b"/Resources<</Font<</F1 5 0 R>>%s>>%s>>"
)
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
PICTURE = (
    b"/Type/XObject/Subtype/Image/Width 40 /Height 40 /BitsPerComponent 8/ColorSpace/DeviceGray"
)
Objects = dict[int, bytes]
FREED = b""


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def text(words: bytes, more: bytes = b"", x: int = 100, y: int = 700) -> bytes:
    return stream(b"BT /F1 24 Tf %d %d Td (%s) Tj ET %s" % (x, y, words, more))


def plain(**more: bytes) -> Objects:
    """One page with one line, by object numbers; `resources` and `page` are added to the page."""
    return {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: PAGE % (4, more.get("resources", b""), more.get("page", b"")),
        4: text(b"Pay one hundred", more.get("content", b"")),
        5: FONT,
    }


def as_file(objects: Objects, between: bytes = b"") -> bytes:
    """The objects as a file with a table; `between` stands before the table and is not in it."""
    data, offsets = b"%PDF-1.7\n", {0: 0}
    for number, body in objects.items():
        offsets[number] = len(data) if body else 0
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body) if body else b""
    data += between
    table = b"xref\n"
    for number in sorted(offsets):
        if offsets[number]:
            table += b"%d 1\n%010d 00000 n \n" % (number, offsets[number])
        else:
            table += b"%d 1\n0000000000 %05d f \n" % (number, 0 if number else 65535)
    size = max(offsets) + 1
    return (
        data
        + table
        + b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n"
        % (
            size,
            len(data),
        )
    )


def covered_by_picture() -> bytes:
    """Hide: a white picture over the line, to be taken away after the signature."""
    objects = plain(resources=b"/XObject<</I1 6 0 R>>", content=b"q 400 0 0 60 80 680 cm /I1 Do Q")
    return as_file(objects | {6: stream(b"\xff" * 1600, PICTURE)})


def covered_by_annotation() -> bytes:
    """Hide: the same with a stamp that any viewer can delete."""
    objects = plain(page=b"/Annots[6 0 R]")
    objects[6] = b"<</Type/Annot/Subtype/Stamp/Rect[80 680 480 740]/F 4/AP<</N 7 0 R>>>>"
    objects[7] = stream(b"1 g 0 0 400 60 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 400 60]")
    return as_file(objects)


def hidden_annotation() -> bytes:
    objects = plain(page=b"/Annots[6 0 R]")
    objects[6] = b"<</Type/Annot/Subtype/Stamp/Rect[80 580 480 640]/F 2/AP<</N 7 0 R>>>>"
    objects[7] = stream(b"0 g 0 0 400 60 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 400 60]")
    return as_file(objects)


def picture_under_picture() -> bytes:
    """Hide: a scan under another scan."""
    place = b"q 400 0 0 60 80 580 cm /I%d Do Q "
    objects = plain(resources=b"/XObject<</I1 6 0 R/I2 7 0 R>>", content=place % 1 + place % 2)
    return as_file(
        objects | {6: stream(b"\x00\xff" * 800, PICTURE), 7: stream(b"\xaa" * 1600, PICTURE)}
    )


def form(value: bytes, shown: bytes) -> bytes:
    """Replace: a text field laid over the page; its value can differ from its looks."""
    objects = plain(page=b"/Annots[6 0 R]")
    objects[1] = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>"
    objects[6] = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(sum)/V(%s)/Rect[100 600 300 630]/F 4/P 3 0 R"
        b"/AP<</N 7 0 R>>>>" % value
    )
    objects[7] = stream(
        b"/Tx BMC BT /F1 12 Tf (%s) Tj ET EMC" % shown,
        b"/Type/XObject/Subtype/Form/BBox[0 0 200 30]/Resources<</Font<</F1 5 0 R>>>>",
    )
    return as_file(objects)


def second_document() -> bytes:
    """Hide-and-replace: a whole second document that waits for a trailer of its own."""
    return as_file(
        plain()
        | {
            11: b"<</Type/Catalog/Pages 12 0 R>>",
            12: b"<</Type/Pages/Kids[13 0 R]/Count 1>>",
            13: PAGE % (14, b"", b""),
            14: text(b"Pay one million"),
        }
    )


def duplicate_number() -> bytes:
    """Hide-and-replace: object 4 stands in the file twice; only the table says which holds."""
    return as_file(plain(), b"4 0 obj\n" + text(b"Pay one million") + b"\nendobj\n")


def off_page(at: tuple[int, int]) -> bytes:
    x, y = at
    objects = plain(content=b"BT /F1 24 Tf %d %d Td (Pay one million) Tj ET" % (x, y))
    return as_file(objects)


def hybrid(*, honest: bool) -> bytes:
    """A table for old readers, a stream for new ones: they may not tell two stories (7.5.8.4)."""
    objects = plain()
    if honest:
        objects[3] = objects[3].replace(b"4 0 R", b"[4 0 R 7 0 R]")
    data, offsets = b"%PDF-1.7\n", {}
    for number, body in objects.items():
        offsets[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    offsets[7] = len(data)
    data += b"7 0 obj\n" + text(b"Pay one million", y=500) + b"\nendobj\n"
    number = 7 if honest else 4
    stream_at = len(data)
    entry = b"\x01" + offsets[7].to_bytes(4, "big") + b"\x00"
    body = stream(entry, b"/Type/XRef/Size 9/W[1 4 1]/Index[%d 1]/Root 1 0 R" % number)
    data += b"8 0 obj\n" + body + b"\nendobj\n"
    table = b"xref\n0 1\n0000000000 65535 f \n"
    for known in objects:
        table += b"%d 1\n%010d 00000 n \n" % (known, offsets[known])
    trailer = b"trailer\n<</Root 1 0 R/Size 9/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n"
    return data + table + trailer % (stream_at, len(data))


def attachment() -> bytes:
    with pikepdf.open(io.BytesIO(as_file(plain()))) as document:
        document.attachments["so_lieu.xml"] = b"<x/>"
        file = io.BytesIO()
        document.save(file)
    return file.getvalue()


def packed() -> bytes:
    """The reference to the missing object stands in an object stream."""
    inner = b"3 0 " + PAGE % (4, b"/XObject<</X1 99 0 R>>", b"")
    data, offsets = b"%PDF-1.7\n", {}
    bodies = plain() | {6: stream(inner, b"/Type/ObjStm/N 1/First 4")}
    for number, body in bodies.items():
        if number != 3:
            offsets[number] = len(data)
            data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    entries = b"\x00" * 6
    for number in range(1, 7):
        at = offsets.get(number)
        entries += b"\x02" + b"\0\0\0\6\0" if at is None else b"\x01%s\0" % at.to_bytes(4, "big")
    table = stream(entries, b"/Type/XRef/Size 7/W[1 4 1]/Root 1 0 R")
    return data + b"7 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, len(data))


def spare(body: bytes) -> bytes:
    return as_file(plain() | {6: body})


SHADOWS: dict[str, tuple[Callable[[], bytes], str, bool]] = {
    "line under a picture": (covered_by_picture, "covered", False),
    "line under a stamp": (covered_by_annotation, "covered", False),
    "picture under a picture": (picture_under_picture, "covered", False),
    "hidden stamp": (hidden_annotation, "hidden_annotation", False),
    "white line": (
        lambda: as_file(plain(content=b"1 g BT /F1 24 Tf 100 400 Td (Pay more) Tj ET")),
        "unseen_text",
        False,
    ),
    "line in no colour": (
        lambda: as_file(plain(content=b"BT 3 Tr /F1 24 Tf 100 400 Td (Pay more) Tj ET")),
        "unseen_text",
        False,
    ),
    "line left of the page": (lambda: off_page((-700, 400)), "off_page", False),
    "line above the page": (lambda: off_page((100, 900)), "off_page", False),
    "text field": (lambda: form(b"100", b"100"), "form_fields", False),
    "field that shows another value": (lambda: form(b"100", b"100000"), "field_value", False),
    "second document": (second_document, "spare_pages", True),
    "spare line": (lambda: spare(text(b"Pay one million")), "spare_content", True),
    "spare picture": (lambda: spare(stream(b"\x00" * 1600, PICTURE)), "spare_content", True),
    "spare font": (
        lambda: as_file(
            plain()
            | {
                6: b"<</Type/Font/Subtype/TrueType/BaseFont/Helvetica/FontDescriptor 7 0 R>>",
                7: b"<</Type/FontDescriptor/FontName/Helvetica/Flags 4>>",
            }
        ),
        "spare_content",
        True,
    ),
    "object not there yet": (
        lambda: as_file(plain(resources=b"/XObject<</X1 99 0 R>>")),
        "missing_objects",
        True,
    ),
    "packed reference to one not there yet": (packed, "missing_objects", True),
    "freed object": (
        lambda: as_file(plain(page=b"/Annots[6 0 R]") | {6: FREED}),
        "missing_objects",
        True,
    ),
    "number given twice": (duplicate_number, "unlisted_objects", True),
    "two tables, two stories": (lambda: hybrid(honest=False), "unlisted_objects", True),
    "attached file": (attachment, "attachments", False),
    "link to another file": (
        lambda: as_file(
            plain(page=b"/Annots[<</Subtype/Link/Rect[0 0 9 9]/A<</S/GoToR/F(b.pdf)/D[0/Fit]>>>>]")
        ),
        "other_files",
        False,
    ),
}


def look(data: bytes, path: Path, sandbox: Sandbox) -> Preflight:
    path.write_bytes(data)
    return inspect(path, LIMIT, sandbox=sandbox)


@pytest.mark.parametrize("case", SHADOWS)
def test_prepared_content_is_told(sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    """One warning with its sentence; a copy is offered where that takes the cause away."""
    make, code, repairable = SHADOWS[case]
    found = look(make(), tmp_path / "in.pdf", sandbox)
    assert found.may_sign
    assert code in {warning.code for warning in found.warnings}
    assert found.repairable is repairable
    for warning in found.warnings:
        assert "%" not in warning.sentence % dict(warning.values)
    if repairable:
        repair(tmp_path / "in.pdf", tmp_path / "out.pdf", sandbox=sandbox)
        again = inspect(tmp_path / "out.pdf", LIMIT, sandbox=sandbox)
        assert (again.verdict, again.warnings, again.repairable) == ("ok", (), False)
        assert again.pages == found.pages


def test_every_warning_has_a_case() -> None:
    """A new kind of warning comes with its attack."""
    assert {code for _, code, _ in SHADOWS.values()} == set(WARNINGS)


def translucent() -> bytes:
    objects = plain(resources=b"/XObject<</I1 6 0 R>>", content=b"q 400 0 0 60 80 680 cm /I1 Do Q")
    mask = stream(b"\x20" * 1600, PICTURE)
    return as_file(objects | {6: stream(b"\x00" * 1600, PICTURE + b"/SMask 7 0 R"), 7: mask})


def recognised() -> bytes:
    """A scan with the recognised text behind it."""
    content = b"BT 3 Tr /F1 24 Tf 100 400 Td (Scan) Tj ET q 595 0 0 842 0 0 cm /I1 Do Q"
    objects = plain(resources=b"/XObject<</I1 6 0 R>>")
    objects[4] = stream(content)
    return as_file(objects | {6: stream(bytes(range(40)) * 40, PICTURE)})


def highlighted() -> bytes:
    objects = plain(page=b"/Annots[6 0 R]")
    objects[6] = b"<</Type/Annot/Subtype/Highlight/Rect[80 680 480 740]/F 4/AP<</N 7 0 R>>>>"
    objects[7] = stream(
        b"/G gs 1 1 0 rg 0 0 400 60 re f",
        b"/Type/XObject/Subtype/Form/BBox[0 0 400 60]/Group<</S/Transparency>>"
        b"/Resources<</ExtGState<</G<</BM/Multiply>>>>>>",
    )
    return as_file(objects)


def enclosed() -> bytes:
    """Another PDF, attached as it is: its objects are data of a stream."""
    objects = plain()
    objects[1] = b"<</Type/Catalog/Pages 2 0 R/Mine 6 0 R>>"
    return as_file(objects | {6: stream(as_file(plain()))})


def saved(**how: object) -> Callable[[], bytes]:
    def make() -> bytes:
        file = io.BytesIO()
        with pikepdf.open(PDF / "bao_cao_29_trang.pdf") as document:
            document.save(file, **how)  # type: ignore[arg-type]
        return file.getvalue()

    return make


HONEST: dict[str, Callable[[], bytes]] = {
    "one line": lambda: as_file(plain()),
    "linearised": saved(linearize=True),
    "object streams": saved(object_stream_mode=pikepdf.ObjectStreamMode.generate),
    "PDF 1.4": saved(object_stream_mode=pikepdf.ObjectStreamMode.disable),
    "hybrid, as Word writes": lambda: hybrid(honest=True),
    "watermark": translucent,
    "scan with recognised text": recognised,
    "highlighted line": highlighted,
    "enclosed PDF": enclosed,
    "white letters on black": lambda: as_file(
        plain(content=b"0 g 90 390 300 40 re f 1 g BT /F1 24 Tf 100 400 Td (Head) Tj ET")
    ),
    "picture under the line": lambda: as_file(
        plain(resources=b"/XObject<</I1 6 0 R>>")
        | {
            4: stream(b"q 595 0 0 842 0 0 cm /I1 Do Q BT /F1 24 Tf 100 700 Td (Over it) Tj ET"),
            6: stream(b"\xcc" * 1600, PICTURE),
        }
    ),
}


@pytest.mark.parametrize("case", HONEST)
def test_honest_files_raise_no_warning(
    sign: Sign, sandbox: Sandbox, tmp_path: Path, case: str
) -> None:
    """What offices write every day passes without a word, and can be signed."""
    found = look(HONEST[case](), tmp_path / "in.pdf", sandbox)
    assert found.warnings == ()
    assert (found.verdict, found.repairable) == ("ok", False)
    sign(tmp_path / "in.pdf", tmp_path / "out.pdf")
    signed = inspect(tmp_path / "out.pdf", LIMIT, sandbox=sandbox)
    assert (signed.verdict, signed.warnings) == ("signed", ())


def test_our_own_documents_raise_none(sign: Sign, sandbox: Sandbox, tmp_path: Path) -> None:
    """The three documents, an empty field, a turned page, and what we signed."""
    paths = sorted(PDF.glob("*.pdf"))
    paths.append(with_empty_field(tmp_path / "field.pdf", "Ký", (100, 60, 300, 120)))
    paths.append(page_of(tmp_path / "turned.pdf", rotate=90, media=(0, 0, 842, 595)))
    sign(PDF / "quyet_dinh.pdf", tmp_path / "one.pdf")
    sign(tmp_path / "one.pdf", tmp_path / "two.pdf")
    for path in [*paths, tmp_path / "one.pdf", tmp_path / "two.pdf"]:
        found = inspect(path, LIMIT, sandbox=sandbox)
        assert found.may_sign
        assert found.warnings == (), path.name


@pytest.mark.parametrize("level", list(Level))
def test_no_level_raises_any(
    authority: Authority, sign: Sign, sandbox: Sandbox, tmp_path: Path, level: Level
) -> None:
    """Prepared fields, two signatures of the level, stores and stamps: all of it is in use."""
    lasting = Lasting(authority, StandingClock(NOW + timedelta(seconds=2)))
    who = lasting.certified("Trần Thị B", days=(-30, 700))
    slots = [
        Slot(
            name=f"Ô {number}", page=1, box=Box(x0=300, y0=60 * number, x1=500, y1=60 * number + 50)
        )
        for number in (1, 2)
    ]
    paths = [tmp_path / f"{number}.pdf" for number in range(3)]
    prepare_fields(PDF / "quyet_dinh.pdf", paths[0], slots, sandbox=sandbox)
    for number in (1, 2):
        sign(
            paths[number - 1], paths[number], who=who, level=level, stamper=lasting.stamper,
            material=lasting.material(who), field_name=f"Ô {number}",
        )  # fmt: skip
    for path in paths:
        found = inspect(path, LIMIT, sandbox=sandbox)
        assert found.may_sign
        assert found.warnings == (), path.name
    assert found.signatures >= 2


def test_a_signed_document_is_told_but_never_rewritten(
    sign: Sign, sandbox: Sandbox, tmp_path: Path
) -> None:
    """What waits in it is still said; writing it anew would break the signature."""
    (tmp_path / "a.pdf").write_bytes(second_document())
    sign(tmp_path / "a.pdf", tmp_path / "b.pdf")
    found = inspect(tmp_path / "b.pdf", LIMIT, sandbox=sandbox)
    assert found.verdict == "signed"
    assert [warning.code for warning in found.warnings] == ["spare_pages", "spare_content"]
    assert not found.repairable


def test_pages_are_named(sandbox: Sandbox, tmp_path: Path) -> None:
    """The first page is where the warning leads; a long list ends in dots."""

    def spoil(document: pikepdf.Pdf) -> None:
        for page in document.pages:
            page.contents_add(b"1 g BT /F1 9 Tf 20 20 Td (x) Tj ET")

    path = changed(tmp_path / "a.pdf", spoil, source=PDF / "bao_cao_29_trang.pdf")
    (warning,) = inspect(path, LIMIT, sandbox=sandbox).warnings
    assert (warning.code, warning.page) == ("unseen_text", 1)
    said = warning.sentence % dict(warning.values)
    assert said == "Trang 1, 2, 3, 4, 5, 6, 7, 8, 9, 10… có chữ không nhìn thấy được."
