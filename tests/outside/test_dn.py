"""Subjects of the government's certificates, with every habit seen in them (R13)."""

import unicodedata
from dataclasses import dataclass

import pytest
from cryptography.x509.name import _ASN1Type

from signer.ca import der
from signer.errors import Invalid
from signer.outside.dn import parse_name
from signer.outside.kinds import Owner
from tests.outside.fake_vgca import CITY, Pair, dn, person_dn, raw_name

WARD = "ỦY BAN NHÂN DÂN PHƯỜNG BA ĐÌNH"
OFFICE = "VĂN PHÒNG HĐND VÀ UBND"


@dataclass(frozen=True, kw_only=True)
class Quirk:
    why: str
    pairs: tuple[Pair, ...]
    name: str
    units: tuple[str, ...]
    emails: tuple[str, ...] = ("a@hanoi.gov.vn",)
    owner: Owner = Owner.PERSON


QUIRKS = [
    Quirk(
        why="the usual pattern, units from the highest down",
        pairs=person_dn("Nguyễn Thị Ánh", "a@hanoi.gov.vn", WARD, OFFICE),
        name="Nguyễn Thị Ánh",
        units=(CITY, WARD, OFFICE),
    ),
    Quirk(
        why="the tool's order: units from the lowest up, O after them",
        pairs=(
            ("CN", "Nguyễn Thị Ánh"),
            ("OU", OFFICE),
            ("OU", WARD),
            ("O", CITY),
            ("L", "Hà Nội"),
            ("C", "VN"),
            ("E", "a@hanoi.gov.vn"),
        ),
        name="Nguyễn Thị Ánh",
        units=(OFFICE, WARD, CITY),
    ),
    Quirk(
        why="a title, and E before L, as the remote-signing profile has it",
        pairs=(
            ("CN", "Trương Văn Bình"),
            ("O", CITY),
            ("OU", WARD),
            ("T", "Phó Chủ tịch"),
            ("E", "A@Hanoi.gov.vn"),
            ("L", "Hà Nội"),
            ("C", "VN"),
        ),
        name="Trương Văn Bình",
        units=(CITY, WARD),
    ),
    Quirk(
        why="a marker behind the name",
        pairs=person_dn("Nguyễn Thị Ánh (M)", "a@hanoi.gov.vn", WARD),
        name="Nguyễn Thị Ánh",
        units=(CITY, WARD),
    ),
    Quirk(
        why="commas, a plus sign and quotes inside a value",
        pairs=person_dn("Nguyễn Thị Ánh", "a@hanoi.gov.vn", 'PHÒNG KINH TẾ, HẠ TẦNG + ĐÔ THỊ "1"'),
        name="Nguyễn Thị Ánh",
        units=(CITY, 'PHÒNG KINH TẾ, HẠ TẦNG + ĐÔ THỊ "1"'),
    ),
    Quirk(
        why="no address",
        pairs=person_dn("Nguyễn Thị Ánh", None, WARD),
        name="Nguyễn Thị Ánh",
        units=(CITY, WARD),
        emails=(),
    ),
    Quirk(
        why="no unit, the name in capitals, two spaces",
        pairs=(("C", "VN"), ("CN", "NGUYỄN  THỊ ÁNH"), ("E", "a@hanoi.gov.vn")),
        name="NGUYỄN THỊ ÁNH",
        units=(),
    ),
    Quirk(
        why="decomposed letters",
        pairs=person_dn(unicodedata.normalize("NFD", "Nguyễn Thị Ánh"), "a@hanoi.gov.vn", WARD),
        name="Nguyễn Thị Ánh",
        units=(CITY, WARD),
    ),
    Quirk(
        why="a body: the name of a unit",
        pairs=(("C", "VN"), ("L", "Hà Nội"), ("O", CITY), ("CN", WARD)),
        name=WARD,
        units=(CITY,),
        emails=(),
        owner=Owner.BODY,
    ),
    Quirk(
        why="a body named in small letters, below its own name",
        pairs=(("O", "Thư viện Hà Nội"), ("CN", "Thư viện Hà Nội")),
        name="Thư viện Hà Nội",
        units=("Thư viện Hà Nội",),
        emails=(),
        owner=Owner.BODY,
    ),
]


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.why)
def test_a_subject_is_read_whatever_its_habits(quirk: Quirk) -> None:
    """Name, units in their order, addresses, and whether it is a person's."""
    read = parse_name(dn(*quirk.pairs).public_bytes())
    assert read.name == quirk.name
    assert read.units == quirk.units
    assert read.emails == quirk.emails
    assert read.owner is quirk.owner
    assert [label for label, _ in read.attributes] == [label for label, _ in quirk.pairs]


def test_the_text_of_a_subject_is_escaped() -> None:
    """RFC 4514 section 2.4, in the order of the RDNs."""
    read = parse_name(dn(("CN", "A"), ("OU", 'P, 1 + "2"')).public_bytes())
    assert read.text == r"CN=A, OU=P\, 1 \+ \"2\""


@pytest.mark.parametrize(
    ("tag", "content"),
    [
        (0x0C, "Nguyễn Thị Ánh".encode()),
        (0x1E, "Nguyễn Thị Ánh".encode("utf-16-be")),
        (0x1C, "Nguyễn Thị Ánh".encode("utf-32-be")),
        (0x14, "Nguyễn Thị Ánh".encode()),
        (0x13, "Nguyễn Thị Ánh".encode()),
    ],
    ids=["UTF8", "BMP", "Universal", "T61 holding UTF-8", "Printable holding UTF-8"],
)
def test_every_string_type_is_read(tag: int, content: bytes) -> None:
    """RFC 5280 section 4.1.2.4 allows five, and practice mixes them up."""
    assert parse_name(raw_name(("CN", tag, content))).common_name == "Nguyễn Thị Ánh"


def test_t61_in_latin_letters() -> None:
    """Bytes that are no UTF-8 are read as Latin-1, as the G1 tools wrote them."""
    assert parse_name(raw_name(("CN", 0x14, b"Nguy\xean Van A"))).common_name == "Nguyên Van A"


def test_an_attribute_nobody_knows_is_kept() -> None:
    """Under its number, in its place."""
    attribute = der.tlv(der.SEQUENCE, der.oid("1.2.3.4"), der.tlv(0x0C, b"x"))
    read = parse_name(der.tlv(der.SEQUENCE, der.tlv(der.SET, attribute)))
    assert read.attributes == (("1.2.3.4", "x"),)


@pytest.mark.parametrize("broken", [b"", b"\x30\x05\x31", b"\x30\x03\x31\x01\x00", b"garbage"])
def test_a_broken_name_is_one_refusal(broken: bytes) -> None:
    with pytest.raises(Invalid):
        parse_name(broken)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("Trương Thị Sở", Owner.PERSON),
        ("Viên Minh Hòa", Owner.PERSON),
        ("Phòng", Owner.BODY),
        ("SỞ Y TẾ", Owner.BODY),
        ("UBND xã Sóc Sơn", Owner.BODY),
        ("Uỷ ban nhân dân xã", Owner.BODY),
        ("Trường THCS Chu Văn An", Owner.BODY),
        ("Hệ thống một cửa", Owner.BODY),
        ("Ban Thị Hoa", Owner.PERSON),
    ],
)
def test_a_body_is_told_from_a_person(name: str, owner: Owner) -> None:
    """Trương is a family, a trường is a school."""
    kind = _ASN1Type.UTF8String
    assert parse_name(dn(("CN", name), kind=kind).public_bytes()).owner is owner
