"""The levels of EN 319 142-1, and what is done to a document over the years."""

import hashlib
import io
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import cms as asn1_cms
from PIL import Image
from pyhanko.sign.fields import MDPPerm

from signer.errors import Invalid, Unavailable
from signer.signing import cms
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box, Slot
from signer.signing.levels import Level
from signer.signing.pdf import (
    KeyedPdf,
    augment_pdf,
    finish_pdf,
    prepare_fields,
    prepare_pdf,
    put_signature,
)
from signer.signing.sandbox import Sandbox
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, PDF, Authority, Identity, Sign
from tests.signing.documents import with_empty_field
from tests.signing.lasting import Lasting
from tests.signing.reference import ades, ades_in_future, stock_faults
from tests.signing.test_pdf import BOX, verdicts
from tests.signing.test_pdf_reference import stock

YEAR = timedelta(days=365)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock(NOW + timedelta(seconds=2))


@pytest.fixture
def lasting(authority: Authority, clock: StandingClock) -> Lasting:
    return Lasting(authority, clock)


@pytest.fixture
def person(lasting: Lasting) -> Identity:
    return lasting.certified("Trần Thị B", days=(-30, 700))


def sound(path: Path, signatures: int, stamps: int = 0) -> None:
    """For poppler, which knows no document time stamps (pyHanko judges these), and for qpdf."""
    unread = ["Signature has not yet been verified."] * stamps
    assert sorted(verdicts(path)) == sorted(["Signature is Valid."] * signatures + unread)
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def cms_of(path: Path, field: int = 0) -> asn1_cms.SignedData:
    with pikepdf.open(path) as document:
        contents = bytes(document.Root.AcroForm.Fields[field].V.Contents)
    return asn1_cms.ContentInfo.load(contents)["content"]


@pytest.mark.parametrize("name", ["quyet_dinh.pdf", "ban_quet.pdf", "bao_cao_29_trang.pdf"])
@pytest.mark.parametrize("level", list(Level))
def test_each_level(
    sign: Sign, lasting: Lasting, person: Identity, authority: Authority, tmp_path: Path,
    level: Level, name: str,
) -> None:  # fmt: skip
    """pdfsig, qpdf and pyHanko accept it; AdES says how long it will hold."""
    out = tmp_path / "out.pdf"
    signed = sign(
        PDF / name, out, level=level, stamper=lasting.stamper,
        material=lasting.material(person), box=BOX,
    )  # fmt: skip
    data = out.read_bytes()
    assert (signed.sha256, signed.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (signed.level, signed.stamped_at) == (
        level,
        lasting.clock.now().replace(microsecond=0) if level.has_stamp else None,
    )
    sound(out, 1, int(level is Level.B_LTA))
    assert stock_faults(out, authority.root.der, [authority.issuing.der], NOW + YEAR / 12) == []
    if level is Level.B_LTA:
        soon, later = lasting.clock.now() + timedelta(minutes=5), NOW + 5 * YEAR
        assert ades(out, lasting, soon) == ["OK"]
        assert ades(out, lasting, later) == ["OK"]
        assert ades_in_future(out, authority.root.der, soon, NOW + 7 * YEAR) == ["OK"]


def test_what_the_document_holds(
    sign: Sign, lasting: Lasting, person: Identity, authority: Authority, tmp_path: Path
) -> None:
    """Each level's own things, once: token, store with the root, archive stamp; no VRI."""
    out = tmp_path / "out.pdf"
    sign(
        PDF / "quyet_dinh.pdf", out, level=Level.B_LTA, stamper=lasting.stamper,
        material=lasting.material(person),
    )  # fmt: skip
    (signer,) = cms_of(out)["signer_infos"]
    (attribute,) = signer["unsigned_attrs"]
    token = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed
    stamped = token["message_imprint"]["hashed_message"].native
    assert stamped == hashlib.sha256(signer["signature"].native).digest()
    with pikepdf.open(out) as document:
        store = document.Root.DSS
        held = {key: [stream.read_bytes() for stream in store[key]] for key in
                ("/Certs", "/CRLs", "/OCSPs")}  # fmt: skip
        assert authority.root.der in held["/Certs"]
        assert (len(held["/Certs"]), held["/CRLs"]) == (5, [lasting.root_list])
        assert held["/OCSPs"] == [
            lasting.answer(who.certificate.serial_number, lasting.clock.now())
            for who in (person, lasting.tsa)
        ]
        assert "/VRI" not in store
        stamp = document.Root.AcroForm.Fields[1].V
        assert (stamp.Type, stamp.SubFilter) == ("/DocTimeStamp", "/ETSI.RFC3161")
        assert int(stamp.ByteRange[2]) + int(stamp.ByteRange[3]) == out.stat().st_size


def test_answers_are_asked_for_after_the_stamp(
    sign: Sign, lasting: Lasting, person: Identity, tmp_path: Path
) -> None:
    """An answer from before the proven time of the signature would prove nothing about it."""
    signed = sign(
        PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", level=Level.B_LT, stamper=lasting.stamper,
        material=lasting.material(person),
    )  # fmt: skip
    assert lasting.asked == [signed.stamped_at]


def test_signers_in_sequence_at_the_highest_level(
    sign: Sign, lasting: Lasting, authority: Authority, clock: StandingClock, tmp_path: Path
) -> None:
    """All fields first, then three signers; all stay valid, and the store holds nothing twice."""
    people = [lasting.certified(f"Người {number}", days=(-30, 700)) for number in range(3)]
    boxes = [Box(x0=60 + 170 * n, y0=60, x1=220 + 170 * n, y1=110) for n in range(3)]
    slots = [Slot(name=f"Ky {n}", page=1, box=box, lock=n == 2) for n, box in enumerate(boxes)]
    before, after = tmp_path / "0.pdf", tmp_path / "1.pdf"
    prepare_fields(PDF / "quyet_dinh.pdf", before, slots)
    for number, who in enumerate(people):
        clock.move(timedelta(minutes=3))
        sign(
            before, after, level=Level.B_LTA, stamper=lasting.stamper, who=who, at=clock.now(),
            material=lasting.material(who), field_name=f"Ky {number}", box=None,
            certify=number == 0,
        )  # fmt: skip
        before, after = after, tmp_path / f"{number + 2}.pdf"
    sound(before, 3, 3)
    assert stock_faults(before, authority.root.der, [authority.issuing.der], clock.now()) == []
    assert ades(before, lasting, NOW + 5 * YEAR) == ["OK"] * 3
    with pikepdf.open(before) as document:
        fields = document.Root.AcroForm.Fields
        assert document.Root.Perms.DocMDP.objgen == fields[0].V.objgen
        assert int(fields[0].V.Reference[0].TransformParams.P) == 2
        assert fields[2].V.Reference[0].TransformMethod == "/FieldMDP"
        certificates = [stream.read_bytes() for stream in document.Root.DSS.Certs]
        assert len(certificates) == len(set(certificates)) == 4 + 3
        assert len(document.Root.DSS.CRLs) == 1


def test_only_the_first_signature_certifies(sign: Sign, tmp_path: Path) -> None:
    """A second certification is impossible (ISO 32000-1, 12.8.2.2); the signature is made.

    It is made in a field that was there: a new one would break what the first one allowed.
    """
    one, two, three = (tmp_path / f"{number}.pdf" for number in (1, 2, 3))
    other = Box(x0=100, y0=60, x1=270, y1=116)
    slots = [Slot(name="Mot", page=1, box=BOX), Slot(name="Hai", page=1, box=other)]
    prepare_fields(PDF / "quyet_dinh.pdf", one, slots)
    assert sign(one, two, certify=True, field_name="Mot", box=None).certified
    with pytest.raises(Invalid, match="ô chữ ký có sẵn"):
        sign(two, three)
    assert not sign(two, three, certify=True, field_name="Hai", box=None).certified
    sound(three, 2)


def test_a_locked_document_takes_no_more(sign: Sign, tmp_path: Path) -> None:
    """P=1 forbids all changes, a FieldMDP lock those to its fields; archive stamps go on."""
    one, two = tmp_path / "1.pdf", tmp_path / "2.pdf"
    slot = Slot(name="Cuoi", page=1, box=BOX, lock=True)
    prepare_fields(PDF / "quyet_dinh.pdf", one, [slot])
    sign(one, two, field_name="Cuoi", box=None)
    with pytest.raises(Invalid, match="đã khóa"):
        sign(two, tmp_path / "3.pdf")


def test_a_certified_document_that_allows_nothing(
    sign: Sign, lasting: Lasting, person: Identity, tmp_path: Path
) -> None:
    """P=1 (ISO 32000-1, table 254): another signature would break the first."""
    one, closed = tmp_path / "1.pdf", tmp_path / "2.pdf"
    prepare_fields(PDF / "quyet_dinh.pdf", one, [Slot(name="Ky", page=1, box=BOX)])
    stock(one, closed, Level.B_B, person, lasting, "Ky", permission=MDPPerm.NO_CHANGES)
    with pytest.raises(Invalid, match="đã khóa"):
        sign(closed, tmp_path / "3.pdf", box=Box(x0=100, y0=5, x1=270, y1=50))


def test_a_further_signature_is_small(
    sign: Sign, authority: Authority, person: Identity, tmp_path: Path
) -> None:
    """The font is embedded once: the second signature adds under 3 KB beside its CMS."""
    one, two = tmp_path / "1.pdf", tmp_path / "2.pdf"
    first = sign(PDF / "quyet_dinh.pdf", one, box=BOX)
    second = sign(one, two, box=Box(x0=100, y0=60, x1=270, y1=116))
    template = cms.template_of(person.der, (authority.issuing.der,))
    assert second.size_bytes - first.size_bytes - 2 * template.size_bytes < 3000
    with pikepdf.open(two) as document:
        fonts = {field.AP.N.Resources.Font.F0.objgen for field in document.Root.AcroForm.Fields}
        assert len(fonts) == 1
    sound(two, 2)


def test_the_own_image_is_in_a_document_once(sign: Sign, sandbox: Sandbox, tmp_path: Path) -> None:
    """The image of the same official is used again, with its mask."""
    picture = io.BytesIO()
    Image.effect_noise((300, 120), 90).convert("RGBA").save(picture, "PNG")
    text = AppearanceText(name="Trần Thị B", image_png=picture.getvalue())
    one, two = tmp_path / "1.pdf", tmp_path / "2.pdf"
    first = sign(PDF / "quyet_dinh.pdf", one, box=BOX, appearance=text)
    second = sign(one, two, box=Box(x0=100, y0=60, x1=270, y1=116), appearance=text)
    with pikepdf.open(two) as document:
        images = {field.AP.N.Resources.XObject.I0.objgen for field in document.Root.AcroForm.Fields}
        assert len(images) == 1
    added = second.size_bytes - first.size_bytes
    assert added < first.size_bytes - (PDF / "quyet_dinh.pdf").stat().st_size - 30_000
    sound(two, 2)


def test_a_changed_font_is_not_trusted(sign: Sign, tmp_path: Path) -> None:
    """One octet of another font, map or width, and the block brings its own."""
    one, two = tmp_path / "1.pdf", tmp_path / "2.pdf"
    sign(PDF / "quyet_dinh.pdf", one, box=BOX)
    data = one.read_bytes()
    at = data.index(b"/DW 1000") + 4
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(data[:at] + b"9" + data[at + 1 :])
    sign(forged, two, box=Box(x0=100, y0=60, x1=270, y1=116))
    with pikepdf.open(two) as document:
        fonts = {field.AP.N.Resources.Font.F0.objgen for field in document.Root.AcroForm.Fields}
        assert len(fonts) == 2


def test_a_field_of_the_forms_author_is_left_alone(
    sign: Sign, lasting: Lasting, person: Identity, tmp_path: Path
) -> None:
    """The document time stamp takes a name that no field has, whatever kind it is of."""
    source, out = tmp_path / "in.pdf", tmp_path / "out.pdf"
    with_empty_field(source, "Timestamp3", (100, 160, 300, 190))
    with pikepdf.open(source, allow_overwriting_input=True) as document:
        document.Root.AcroForm.Fields[0].FT = pikepdf.Name.Tx
        document.Root.AcroForm.Fields[0].V = pikepdf.String("2026")
        document.save(source)
    sign(
        source, out, level=Level.B_LTA, stamper=lasting.stamper,
        material=lasting.material(person), box=BOX,
    )  # fmt: skip
    with pikepdf.open(out) as document:
        fields = {str(field.T): field for field in document.Root.AcroForm.Fields}
        assert set(fields) == {"Timestamp3", "Signature1", "Timestamp4"}
        assert str(fields["Timestamp3"].V) == "2026"
    sound(out, 1, 1)


class _Away:
    token_bytes = 8000

    def token(self, digest: bytes, hash_name: str) -> bytes:
        raise Unavailable("Không có dấu thời gian.")


class _Wrong(_Away):
    def __init__(self, lasting: Lasting) -> None:
        self._stamper = lasting.stamper

    def token(self, digest: bytes, hash_name: str) -> bytes:
        return self._stamper.token(bytes(32), hash_name)


class _Longer(_Wrong):
    token_bytes = 10

    def token(self, digest: bytes, hash_name: str) -> bytes:
        return self._stamper.token(digest, hash_name)


def test_no_stamp_to_be_had(sign: Sign, lasting: Lasting, person: Identity, tmp_path: Path) -> None:
    """Away, about something else, or longer than promised: refused, nothing is written."""
    for stamper in (_Away(), _Wrong(lasting), _Longer(lasting)):
        with pytest.raises(Unavailable):
            sign(
                PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", level=Level.B_LTA, stamper=stamper,
                material=lasting.material(person),
            )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def keyed(
    source: Path, work: Path, who: Identity, authority: Authority, lasting: Lasting,
    sandbox: Sandbox,
) -> KeyedPdf:  # fmt: skip
    template = cms.template_of(who.der, (authority.issuing.der,))
    prepared = prepare_pdf(
        source, work, template=template, level=Level.B_LTA,
        stamp_bytes=lasting.stamper.token_bytes, material=lasting.material(who), field_name=None,
        page=1, box=BOX, appearance=AppearanceText(name="Trần Thị B"), at=NOW, sandbox=sandbox,
    )  # fmt: skip
    return put_signature(prepared, template=template, key=who.key)


def test_stamped_when_the_authority_is_back(
    lasting: Lasting, authority: Authority, person: Identity, clock: StandingClock,
    sandbox: Sandbox, tmp_path: Path,
) -> None:  # fmt: skip
    """A B-B with room gets its token in place, then store and archive stamp: a full B-LTA."""
    waiting, out = tmp_path / "b-b.pdf", tmp_path / "b-lta.pdf"
    signature = keyed(PDF / "quyet_dinh.pdf", tmp_path / "w", person, authority, lasting, sandbox)
    with pytest.raises(Unavailable):
        finish_pdf(signature, waiting, stamper=_Away(), material=lasting.material(person))
    signed = finish_pdf(signature, waiting, stamper=None, material=None)
    assert (signed.level, signed.stamped_at) == (Level.B_B, None)
    sound(waiting, 1)
    clock.move(timedelta(hours=2))
    later = augment_pdf(
        waiting, out, level=Level.B_LTA, stamper=lasting.stamper,
        material=lasting.material(person), at=clock.now(), sandbox=sandbox,
    )  # fmt: skip
    assert later.stamped_at == clock.now().replace(microsecond=0)
    assert later.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert len(cms_of(out)["signer_infos"][0]["unsigned_attrs"]) == 1
    sound(out, 1, 1)
    assert ades(out, lasting, NOW + 5 * YEAR) == ["OK"]


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
def test_a_signature_without_room(
    sign: Sign, lasting: Lasting, authority: Authority, person: Identity, clock: StandingClock,
    sandbox: Sandbox, tmp_path: Path, level: Level,
) -> None:  # fmt: skip
    """What somebody else signed as B-B is proved by document time stamps."""
    waiting, out = tmp_path / "b-b.pdf", tmp_path / "out.pdf"
    sign(PDF / "quyet_dinh.pdf", waiting)
    augment_pdf(
        waiting, out, level=level, stamper=lasting.stamper, material=lasting.material(person),
        at=clock.now(), sandbox=sandbox,
    )  # fmt: skip
    assert out.read_bytes().startswith(waiting.read_bytes())
    sound(out, 1, 2 if level is Level.B_LTA else 1)
    # pyHanko's AdES wants a stamp inside each signature, which nobody can add here any more
    assert stock_faults(out, authority.root.der, [authority.issuing.der], clock.now()) == []


def test_stamped_again_before_the_authority_ends(
    sign: Sign, authority: Authority, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each new stamp carries the proof past the end of the last one's certificate."""
    clock = StandingClock(NOW - timedelta(days=1400))  # so that today is long after
    first = Lasting(authority, clock, tsa_days=(-1500, -1000))
    who = first.certified("Trần Thị B", days=(-1500, -800))
    path, again = tmp_path / "0.pdf", tmp_path / "1.pdf"
    sign(
        PDF / "quyet_dinh.pdf", path, level=Level.B_LTA, stamper=first.stamper, who=who,
        material=first.material(who), at=clock.now(),
    )  # fmt: skip
    clock.move(timedelta(days=390))
    second = Lasting(authority, clock, tsa_days=(-1100, 2500))
    assert ades(path, second, datetime.now(UTC)) != ["OK"]
    augment_pdf(
        path, again, level=Level.B_LTA, stamper=second.stamper, material=first.material(who),
        at=clock.now(), sandbox=sandbox,
    )  # fmt: skip
    assert again.read_bytes().startswith(path.read_bytes())
    sound(again, 1, 2)
    assert ades(again, second, datetime.now(UTC)) == ["OK"]


def test_nothing_to_stamp(lasting: Lasting, sandbox: Sandbox, tmp_path: Path) -> None:
    """A document without signatures is not archived this way."""
    with pytest.raises(Invalid, match="chưa có chữ ký"):
        augment_pdf(
            PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", level=Level.B_T, at=NOW,
            stamper=lasting.stamper, material=None, sandbox=sandbox,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


SLOTS = {
    "taken": ([Slot(name="A", page=1, box=BOX)] * 2, "Tên ô chữ ký"),
    "a dot": ([Slot(name="A.B", page=1, box=BOX)], "Tên ô chữ ký"),
    "no page": ([Slot(name="A", page=9, box=BOX)], "không có trang 9"),
    "off": ([Slot(name="A", page=1, box=Box(x0=900, y0=0, x1=990, y1=50))], "ngoài trang"),
}


@pytest.mark.parametrize("case", SLOTS)
def test_slots_that_cannot_be(sandbox: Sandbox, tmp_path: Path, case: str) -> None:
    """One sentence each, and nothing is written."""
    slots, sentence = SLOTS[case]
    with pytest.raises(Invalid, match=sentence):
        prepare_fields(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", slots, sandbox=sandbox)
    assert list(tmp_path.iterdir()) == []


def test_a_large_document_at_the_highest_level(
    sign: Sign, lasting: Lasting, person: Identity, sandbox: Sandbox, clock: StandingClock,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Signed, and stamped again, on disk; the copy beside it is gone."""
    source, out, again = (tmp_path / name for name in ("in.pdf", "out.pdf", "again.pdf"))
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        document.Root.Big = document.make_stream(b"\x00\xff" * 9_000_000)
        document.save(source, compress_streams=False)
    material = lasting.material(person)
    sign(source, out, level=Level.B_LTA, stamper=lasting.stamper, material=material, box=BOX)
    sound(out, 1, 1)
    augment_pdf(
        out, again, level=Level.B_LTA, stamper=lasting.stamper, material=material,
        at=clock.now(), sandbox=sandbox,
    )  # fmt: skip
    sound(again, 1, 2)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["again.pdf", "in.pdf", "out.pdf"]
