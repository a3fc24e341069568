"""A damaged file is offered written anew: only while unsigned, and as another document."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest

from signer.errors import Invalid
from signer.signing.pages import PageRenderer
from signer.signing.preflight import PreflightVerdict, inspect, repair
from signer.signing.sandbox import Sandbox
from tests.signing.conftest import PDF, Sign
from tests.signing.documents import with_action
from tests.signing.test_preflight import encrypted
from tests.signing.test_shadows import as_file, plain, second_document

LIMIT = 120 * 1024 * 1024
GOOD = (PDF / "quyet_dinh.pdf").read_bytes()


def without_table(data: bytes) -> bytes:
    """A clean-up by hand took the table out."""
    start = data.rindex(b"xref\n0")
    return data[:start] + data[data.index(b"trailer", start) :]


def wrong_table(data: bytes) -> bytes:
    """A mail gateway put a line in front, so that every offset is wrong."""
    return data[:9] + b"% passed on by a gateway\n" * 40 + data[9:]


def wrong_start(data: bytes) -> bytes:
    at = data.rindex(b"startxref\n") + len(b"startxref\n")
    return data[:at] + b"9999999\n%%EOF\n"


def wrong_count(data: bytes) -> bytes:
    return data.replace(b"/Count 1", b"/Count 7")


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "without its table": without_table,
    "every offset wrong": wrong_table,
    "start of the table wrong": wrong_start,
    "number of pages wrong": wrong_count,
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_written_anew(
    sign: Sign, sandbox: Sandbox, tmp_path: Path, case: str
) -> None:
    """The copy shows the same page and can be signed; the original stays as it was."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    spoilt = DAMAGED[case](GOOD)
    source.write_bytes(spoilt)
    found = inspect(source, LIMIT, sandbox=sandbox)
    assert (found.verdict, found.may_sign, found.repairable) == ("damaged", False, True)
    repair(source, output, sandbox=sandbox)
    assert source.read_bytes() == spoilt
    again = inspect(output, LIMIT, sandbox=sandbox)
    assert (again.verdict, again.warnings, again.repairable) == ("ok", (), False)
    pages = PageRenderer(sandbox)
    assert pages.image(output, 1, 72) == pages.image(PDF / "quyet_dinh.pdf", 1, 72)
    sign(output, tmp_path / "signed.pdf")


def test_fields_that_viewers_draw_themselves(sandbox: Sandbox, tmp_path: Path) -> None:
    """Signing would take their letters away, so a copy shows them; qpdf writes plain ones only."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    for value, repairable in (("Alice", True), ("Nguyễn Thị Ánh", False)):
        with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
            field = pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx,
                T="Ten", V=value, DA="/Helv 12 Tf 0 g", F=4,
                Rect=pikepdf.Array([100, 100, 300, 130]),
            )  # fmt: skip
            held = document.make_indirect(field)
            font = pikepdf.Dictionary(
                Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
            )
            document.pages[0].Annots = pikepdf.Array([held])
            document.Root.AcroForm = pikepdf.Dictionary(
                Fields=pikepdf.Array([held]), NeedAppearances=True,
                DR=pikepdf.Dictionary(Font=pikepdf.Dictionary(Helv=font)),
            )  # fmt: skip
            document.save(source)
        found = inspect(source, LIMIT, sandbox=sandbox)
        assert (found.verdict, found.repairable) == ("damaged", repairable)
        assert found.sentence.startswith("Tài liệu là biểu mẫu")
    with pikepdf.open(source) as document:
        document.Root.AcroForm.Fields[0].V = pikepdf.String("Alice")
        document.save(tmp_path / "plain.pdf")
    repair(tmp_path / "plain.pdf", output, sandbox=sandbox)
    assert inspect(output, LIMIT, sandbox=sandbox).may_sign
    told = subprocess.run(["pdftotext", output, "-"], capture_output=True, text=True, check=True)
    assert "Alice" in told.stdout


def test_what_waits_in_a_file_is_left_out(sandbox: Sandbox, tmp_path: Path) -> None:
    """The second document is gone from the bytes, not only from the table."""
    source, output = tmp_path / "in.pdf", tmp_path / "out.pdf"
    source.write_bytes(second_document())
    repair(source, output, sandbox=sandbox)
    with pikepdf.open(output) as document:
        contents = [
            item.read_bytes() for item in document.objects if isinstance(item, pikepdf.Stream)
        ]
    assert len(contents) == 1
    assert b"hundred" in contents[0]


def signed_and_damaged(path: Path, sign: Sign) -> Path:
    sign(PDF / "quyet_dinh.pdf", path)
    path.write_bytes(wrong_start(path.read_bytes()))
    return path


REFUSED: dict[str, tuple[Callable[[Path, Sign], Path], str]] = {
    "signed": (signed_and_damaged, "sửa sẽ làm mất chữ ký"),
    "password": (lambda path, _: encrypted(path, "x"), "không sửa được"),
    "owner password only": (lambda path, _: encrypted(path, ""), "không sửa được"),
    "forbidden content": (
        lambda path, _: with_action(path, S=pikepdf.Name.Launch, F="cmd.exe"),
        "không sửa được",
    ),
    "no PDF": (
        lambda path, _: path.write_bytes(b"%PDF-1.7\n" + b"x" * 99) and path,
        "không sửa được",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_written_anew(sign: Sign, sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    """Not offered, and refused in one sentence when asked for all the same; no file is left."""
    make, sentence = REFUSED[case]
    source, output = make(tmp_path / "in.pdf", sign), tmp_path / "out.pdf"
    assert not inspect(source, LIMIT, sandbox=sandbox).repairable
    with pytest.raises(Invalid, match=sentence):
        repair(source, output, sandbox=sandbox)
    assert not output.exists()


def test_a_signature_that_only_qpdf_finds(sandbox: Sandbox, tmp_path: Path) -> None:
    """A signature whose key is spelled with hex is one all the same."""
    source = tmp_path / "in.pdf"
    fields = b"/AcroForm<</Fields[<</FT/Sig/T(S)/V<</Byte#52ange[0 1 2 3]/Contents<00>>>>>]>>"
    objects = plain() | {1: b"<</Type/Catalog/Pages 2 0 R%s>>" % fields}
    source.write_bytes(wrong_start(as_file(objects)))
    assert inspect(source, LIMIT, sandbox=sandbox).verdict is PreflightVerdict.DAMAGED
    with pytest.raises(Invalid):
        repair(source, tmp_path / "out.pdf", sandbox=sandbox)
