"""Files made to hang or confuse a reader end in a verdict, and the next file in its own."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from signer.signing.preflight import inspect
from signer.signing.sandbox import Sandbox
from tests.signing.conftest import PDF
from tests.signing.test_shadows import PAGE, Objects, as_file, plain, stream

LIMIT = 120 * 1024 * 1024
MEGABYTE = 1 << 20


def with_objects(**changed: bytes) -> bytes:
    """The plain page with objects `o1`, `o2`, … put in the place of its own."""
    objects: Objects = plain()
    for name, body in changed.items():
        objects[int(name[1:])] = body
    return as_file(objects)


def deep_tree(levels: int) -> bytes:
    objects = plain()
    objects[2] = b"<</Type/Pages/Kids[100 0 R]/Count 1>>"
    for level in range(levels):
        kid = 101 + level if level < levels - 1 else 3
        objects[100 + level] = b"<</Type/Pages/Parent 2 0 R/Kids[%d 0 R]/Count 1>>" % kid
    return as_file(objects)


def many_pages(count: int) -> bytes:
    kids = b"".join(b"%d 0 R " % (number + 10) for number in range(count))
    pages = {number + 10: PAGE % (4, b"", b"") for number in range(count)}
    return as_file(plain() | {2: b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count)} | pages)


def bomb(entries: bytes, megabytes: int = 400) -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(megabytes))
    return stream(packed + packer.flush(), b"/Filter/FlateDecode" + entries)


def table_bomb() -> bytes:
    """The table itself is a stream that unpacks to 400 MB of entries."""
    data = as_file(plain()).split(b"xref\n")[0]
    body = bomb(b"/Type/XRef/Size 100000000/W[1 2 1]/Root 1 0 R")
    return data + b"9 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (body, len(data))


def table_loop() -> bytes:
    """Each revision's table names itself as the one before."""
    data = as_file(plain())
    at = data.rindex(b"xref\n0 1")
    return data.replace(b"trailer\n<<", b"trailer\n<</Prev %d" % at)


def hybrid_loop() -> bytes:
    data = as_file(plain())
    at = data.rindex(b"xref\n0 1")
    return data.replace(b"trailer\n<<", b"trailer\n<</XRefStm %d" % at)


def object_stream(inner: bytes, number: int, entries: bytes = b"", within: int = 6) -> bytes:
    """Object `number` is packed in the object stream 6, which itself lies in `within` or free."""
    data, offsets = b"%PDF-1.7\n", {}
    head = b"%d 0 " % number
    body = stream(head + inner, b"/Type/ObjStm/N 1/First %d%s" % (len(head), entries))
    for known, written in (plain() | {6: body}).items():
        if known != number:
            offsets[known] = len(data)
            data += b"%d 0 obj\n%s\nendobj\n" % (known, written)
    table = b"\0" * 6
    for known in range(1, 7):
        at = offsets.get(known)
        if at is None or (known == 6 and within != 6):
            table += b"\2" + within.to_bytes(4, "big") + b"\0"
        else:
            table += b"\1" + at.to_bytes(4, "big") + b"\0"
    table = stream(table, b"/Type/XRef/Size 7/W[1 4 1]/Root 1 0 R")
    return data + b"7 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n" % (table, len(data))


def packed_in_itself() -> bytes:
    """The table says that the object stream lies in itself."""
    data = object_stream(PAGE % (4, b"", b""), 3)
    place = data.index(b"/Type/XRef")
    entries = data.index(b"stream\n", place) + len(b"stream\n")
    own = entries + 6 * 6
    return data[:own] + b"\2\0\0\0\6\0" + data[own + 6 :]


def overlapping() -> bytes:
    """The table sends object 3 into the data of another object's stream."""
    inner = b"3 0 obj\n" + PAGE % (4, b"", b"/Rotate 90") + b"\nendobj\n"
    data = as_file(plain() | {6: stream(inner)})
    return moved(data, 3, data.index(inner))


def same_place() -> bytes:
    """Two numbers, one place."""
    data = as_file(plain())
    return moved(data, 5, data.index(b"4 0 obj"))


def moved(data: bytes, number: int, offset: int) -> bytes:
    mark = b"\n%d 1\n" % number
    at = data.index(mark, data.rindex(b"xref\n0 1")) + len(mark)
    return data[:at] + b"%010d" % offset + data[at + 10 :]


def field_loop() -> bytes:
    return with_objects(
        o1=b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
        o6=b"<</T(a)/Kids[7 0 R]>>",
        o7=b"<</T(b)/Parent 6 0 R/Kids[6 0 R]>>",
    )


def parent_loop() -> bytes:
    """A field is its own parent."""
    return with_objects(
        o1=b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
        o6=b"<</T(a)/Parent 6 0 R/Subtype/Widget/Rect[0 0 9 9]>>",
    )


def drawn_in_itself() -> bytes:
    """A form that draws itself."""
    return with_objects(
        o3=PAGE % (4, b"/XObject<</X 6 0 R>>", b""),
        o4=stream(b"/X Do"),
        o6=stream(
            b"/X Do /X Do",
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>",
        ),
    )


def layers(view: bytes, usage: bytes = b"") -> bytes:
    return with_objects(
        o1=b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[6 0 R]/D<</Order[6 0 R]%s>>>>>>"
        % view,
        o6=b"<</Type/OCG/Name(Layer)%s>>" % usage,
    )


def action(kind: bytes) -> bytes:
    return with_objects(o1=b"<</Type/Catalog/Pages 2 0 R/OpenAction%s>>" % kind)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a node is its own kid": (
        lambda: with_objects(o2=b"<</Type/Pages/Kids[2 0 R]/Count 1>>"),
        "damaged",
    ),
    "a page is a kid twice": (
        lambda: with_objects(o2=b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>"),
        "damaged",
    ),
    "a deep tree of pages": (lambda: deep_tree(5_000), "damaged"),
    "too many pages": (lambda: many_pages(5_001), "too_large"),
    "a count that lies": (
        lambda: with_objects(o2=b"<</Type/Pages/Kids[3 0 R]/Count 999999999>>"),
        "damaged",
    ),
    "a table before itself": (table_loop, "damaged"),
    "a hybrid table that is itself": (hybrid_loop, "damaged"),
    "a table that unpacks to 400 MB": (table_bomb, "damaged"),
    "an object stream that extends itself": (
        lambda: object_stream(PAGE % (4, b"", b""), 3, b"/Extends 6 0 R"),
        "ok",
    ),
    "an object stream in itself": (packed_in_itself, "damaged"),
    "an object stream that unpacks to 400 MB": (
        lambda: with_objects(o6=bomb(b"/Type/ObjStm/N 1/First 4")),
        "too_large",
    ),
    "a page that unpacks to 400 MB": (lambda: with_objects(o4=bomb(b"")), "too_large"),
    "a picture of a million by a million": (
        lambda: with_objects(
            o6=stream(b"x", b"/Subtype/Image/Width 1000000/Height 1000000/BitsPerComponent 8")
        ),
        "too_large",
    ),
    "a length that is itself": (
        lambda: with_objects(o4=b"<</Length 4 0 R>>\nstream\nBT ET\nendstream"),
        "damaged",
    ),
    "a thousand filters": (
        lambda: with_objects(o4=stream(b"x", b"/Filter[%s]" % (b"/FlateDecode " * 1000))),
        "damaged",
    ),
    "an object inside another's stream": (overlapping, "ok"),
    "two numbers for one place": (same_place, "damaged"),
    "fields in a circle": (field_loop, "damaged"),
    "a field that is its own parent": (parent_loop, "ok"),
    "a form that draws itself": (drawn_in_itself, "damaged"),
    "a layer that is off": (lambda: layers(b"/OFF[6 0 R]"), "forbidden_content"),
    "all layers off": (lambda: layers(b"/BaseState/OFF"), "forbidden_content"),
    "a layer for the printer only": (
        lambda: layers(b"", b"/Usage<</View<</ViewState/OFF>>>>"),
        "forbidden_content",
    ),
    "a layer that is seen": (
        lambda: layers(b"", b"/Usage<</View<</ViewState/ON>>>>"),
        "ok",
    ),
    "a stream in another file": (
        lambda: with_objects(o4=stream(b"", b"/F(C:/x.txt)")),
        "forbidden_content",
    ),
    "a page of another file": (
        lambda: with_objects(
            o6=stream(b"", b"/Subtype/Form/BBox[0 0 9 9]/Ref<</F(b.pdf)/Page 0>>")
        ),
        "forbidden_content",
    ),
    "data sent away": (lambda: action(b"<</S/SubmitForm/F(http://x)>>"), "forbidden_content"),
    "a note hidden by a click": (
        lambda: action(b"<</S/Named/N/NextPage/Next<</S/Hide/T(note)>>>>"),
        "forbidden_content",
    ),
    "a layer switched by a click": (
        lambda: action(b"<</S/SetOCGState/State[/OFF 6 0 R]>>"),
        "forbidden_content",
    ),
    "another picture on paper": (
        lambda: with_objects(
            o6=stream(b"x", b"/Subtype/Image/Width 1/Height 1/Alternates[<</Image 7 0 R>>]")
        ),
        "forbidden_content",
    ),
    "an action whose kind is elsewhere": (
        lambda: as_file(
            plain() | {1: b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S 6 0 R>>>>", 6: b"/Launch"}
        ),
        "forbidden_content",
    ),
    "an action spelled with hex": (
        lambda: action(b"<</S/J#61vaScript/J#53(app.alert(1))>>"),
        "forbidden_content",
    ),
    "a word that only looks like one": (
        lambda: with_objects(o6=b"<</Title(/JS /Launch)/S/JavaScripted>>"),
        "ok",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_end_in_a_verdict(sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    """Whatever the file does to a reader, the clerk gets a sentence and the child lives on."""
    make, verdict = HOSTILE[case]
    path = tmp_path / "in.pdf"
    path.write_bytes(make())
    found = inspect(path, LIMIT, sandbox=sandbox)
    assert found.verdict == verdict
    assert "%(" not in found.sentence % dict(found.values)
    assert inspect(PDF / "quyet_dinh.pdf", LIMIT, sandbox=sandbox).may_sign


def test_an_ambiguous_file_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    """Readers may differ about such a file, so the signer hears of it."""
    path = tmp_path / "in.pdf"
    path.write_bytes(HOSTILE["an object inside another's stream"][0]())
    found = inspect(path, LIMIT, sandbox=sandbox)
    assert "unlisted_objects" in {warning.code for warning in found.warnings}
    assert found.repairable
