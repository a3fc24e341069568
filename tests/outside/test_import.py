"""Certificates are brought in: looked through first, stored when somebody says so."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import func, select

from signer.accounts import SYSTEM, Role
from signer.ca import der
from signer.db import db
from signer.errors import Forbidden, Invalid, NotFound
from signer.inventory.models import Person
from signer.outside import kinds
from signer.outside.counting import counting
from signer.outside.importing import CHUNK
from signer.outside.kinds import Carrier, CertificateStatus, Match, Owner
from signer.outside.models import OutsideCertificate, OutsideCertificateBytes
from signer.outside.service import Tab
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import OTHER_WARD, WARD, City
from tests.outside.bringing import brought, cer, checked, listed, p7b, pem, zipped
from tests.outside.fake_vgca import Generation, forged, person_dn

NAME = "Trần Thị Bình"
CERTAIN, PROPOSED = Match.CERTAIN, Match.PROPOSED
BA_DINH = "ỦY BAN NHÂN DÂN PHƯỜNG BA ĐÌNH"


def _rows() -> list[OutsideCertificate]:
    return list(db.session.scalars(select(OutsideCertificate).order_by(OutsideCertificate.id)))


def _counted(*people: Person) -> list[int]:
    return [found.person_id for found in counting([person.id for person in people])]


@both_databases
def test_a_certificate_becomes_its_owners(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """The dry run says what would be, and stores no certificate; applying does, with every fact."""
    [person] = city.people(1)
    leaf = g2.sub.certify(person_dn(person.full_name, person.email, BA_DINH))
    file = cer(tmp_path, leaf)
    view = checked(services, file, carrier=Carrier.TOKEN)
    assert view.counts == {"new": 1, "certain": 1, "not_official": 0}
    assert (view.found[0].person_code, view.found[0].is_known) == (person.code, False)
    assert _rows() == []

    brought(services, file, carrier=Carrier.TOKEN)
    [row] = _rows()
    assert (row.match, row.person_id) == (Match.CERTAIN, person.id)
    assert (row.anchor, row.generation, row.owner) == ("VGCA G2", kinds.Generation.G2, Owner.PERSON)
    assert (row.serial_hex, row.email) == (f"{leaf.serial_number:x}", person.email)
    assert (row.algorithm, row.carrier) == ("RSA 2048, sha256", Carrier.TOKEN)
    assert row.key_usage == "digitalSignature, nonRepudiation, keyEncipherment, dataEncipherment"
    assert row.subject_der == leaf.subject.public_bytes()
    assert row.status is CertificateStatus.UNKNOWN
    kept = db.session.get_one(OutsideCertificateBytes, row.id)
    assert kept.certificate_der == leaf.public_bytes(Encoding.DER)
    [counted] = counting([person.id])
    assert (counted.until_at, counted.carrier) == (leaf.not_valid_after_utc, Carrier.TOKEN)
    assert counted.revoked_at is None


def test_applying_twice_changes_nothing(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    [person] = city.people(1)
    file = cer(tmp_path, g2.sub.certify(person_dn(person.full_name, person.email, BA_DINH)))
    first = brought(services, file)
    services.outside.importing.apply(SYSTEM, first.record.id)
    second = brought(services, file)
    assert second.counts == {"known": 1, "certain": 1, "not_official": 0}
    assert len(_rows()) == 1


def test_every_form_of_file_is_read(
    services: Services, city: City, g1: Generation, g2: Generation, tmp_path: Path
) -> None:
    """DER, PEM with several, PKCS #7 in both encodings, bare base64, and a zip of them all."""
    leaves = [
        g2.sub.certify(person_dn(f"Nguyễn Văn {letter}", None, BA_DINH)) for letter in "ABCDEF"
    ]
    old = g1.sub.certify(person_dn("Lê Văn Cũ", None), at=datetime(2024, 1, 1, tzinfo=UTC))
    bare = tmp_path / "bare.cer"
    bare.write_bytes(base64.encodebytes(leaves[5].public_bytes(Encoding.DER)))
    authorities = (g2.sub.certificate, g2.root.certificate)
    der_bundle = p7b(tmp_path, leaves[3], *authorities)
    (tmp_path / "other").mkdir()
    pem_bundle = p7b(tmp_path / "other", leaves[4], old, encoding=Encoding.PEM)
    pem_bundle = pem_bundle.rename(pem_bundle.with_name("pem.p7b"))
    note = tmp_path / "readme.txt"
    note.write_text("no certificate")
    archive = zipped(
        tmp_path,
        cer(tmp_path, leaves[0]),
        pem(tmp_path, *leaves[1:3]),
        der_bundle,
        pem_bundle,
        bare,
        note,
    )
    view = brought(services, archive)
    assert view.authorities == 2
    assert [refused.place for refused in view.refused] == ["readme.txt"]
    assert {row.common_name for row in _rows()} == {
        *(f"Nguyễn Văn {letter}" for letter in "ABCDEF"),
        "Lê Văn Cũ",
    }
    assert {row.generation for row in _rows()} == {kinds.Generation.G1, kinds.Generation.G2}


@pytest.mark.parametrize(
    "content",
    [b"", b"\x30\x03\x02\x01\x05", b"-----BEGIN CERTIFICATE-----\nAAAA", b"PK\x03\x04x"],
    ids=["empty", "another DER", "cut PEM", "a broken zip"],
)
def test_what_is_no_certificate_is_one_refusal(
    content: bytes, services: Services, city: City, tmp_path: Path
) -> None:
    file = tmp_path / "x.cer"
    file.write_bytes(content)
    with pytest.raises(Invalid):
        checked(services, file)


def test_a_bomb_is_not_unpacked(services: Services, city: City, tmp_path: Path) -> None:
    """Sizes are checked before anything is unpacked."""
    big = tmp_path / "big.cer"
    with big.open("wb") as stream:
        stream.truncate(300 * 1024**2)
    with pytest.raises(Invalid):
        checked(services, zipped(tmp_path, big))


@pytest.mark.parametrize(
    ("why", "name", "email", "units", "match", "reason"),
    [
        ("address and name", NAME, "t1@hanoi.gov.vn", (), CERTAIN, "email"),
        ("capitals and a marker", "TRẦN THỊ BÌNH (M)", "T1@hanoi.gov.vn", (), CERTAIN, "email"),
        ("another name's address", "Lê Văn Khác", "t1@hanoi.gov.vn", (), PROPOSED, "other_name"),
        ("name and unit", NAME, None, (BA_DINH,), PROPOSED, "name_unit"),
        ("as typed", "Tran Thi Binh", None, ("UBND phường Ba Đình",), PROPOSED, "name_unit"),
        ("name and another unit", NAME, None, ("PHƯỜNG NGỌC HÀ",), Match.NONE, "name_only"),
        ("name and the city only", NAME, None, (), Match.NONE, "name_only"),
        ("a stranger", "Vũ Văn Lạ", "la@hanoi.gov.vn", (BA_DINH,), Match.NONE, None),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)  # fmt: skip
def test_whose_it_is(
    why: str, name: str, email: str | None, units: tuple[str, ...], match: Match,
    reason: str | None, services: Services, city: City, g2: Generation, tmp_path: Path,
) -> None:  # fmt: skip
    """E-mail for certain, name and unit as a proposal, never by the name alone (R14)."""
    [person] = city.people(1)
    assert person.full_name == NAME
    brought(services, cer(tmp_path, g2.sub.certify(person_dn(name, email, *units))))
    [row] = _rows()
    assert (row.match, row.match_reason) == (match, reason)
    assert (row.person_id == person.id) is (match is Match.CERTAIN)
    assert _counted(person) == ([person.id] if match is Match.CERTAIN else [])


def test_two_of_one_name_in_a_unit_are_not_guessed(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    first, *_, ninth = city.people(41)
    assert first.full_name == ninth.full_name
    brought(services, cer(tmp_path, g2.sub.certify(person_dn(first.full_name, None, BA_DINH))))
    [row] = _rows()
    assert (row.match, row.match_reason) == (Match.NONE, "ambiguous")


def test_an_address_in_the_alternative_name_is_as_good(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    [person] = city.people(1)
    leaf = g2.sub.certify(person_dn(person.full_name, None), san_email=person.email)
    brought(services, cer(tmp_path, leaf))
    assert _rows()[0].match is Match.CERTAIN


def test_a_bodys_certificate_is_nobodys(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """It has a list of its own, and no person's figures move."""
    leaf = g2.sub.certify((("C", "VN"), ("O", "UBND TP HÀ NỘI"), ("CN", BA_DINH)))
    brought(services, cer(tmp_path, leaf))
    figures = services.outside.figures(SYSTEM)
    assert (figures.tabs[Tab.BODIES], figures.tabs[Tab.UNMATCHED]) == (1, 0)


def test_a_stranger_issuer_is_shown_and_never_counts(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """R16: kept, matched, labelled, not counted; the real one may still come."""
    [person] = city.people(1)
    named = person_dn(person.full_name, person.email, BA_DINH)
    brought(services, cer(tmp_path, forged(g2.sub).certify(named, serial=77)))
    [view] = services.outside.page(SYSTEM).items
    assert (view.row.is_official, view.row.counts, view.row.match) == (False, False, Match.CERTAIN)
    assert _counted(person) == []

    brought(services, cer(tmp_path, g2.sub.certify(named, serial=77)))
    [view] = services.outside.page(SYSTEM).items
    assert (view.row.is_official, view.row.counts) == (True, True)
    assert _counted(person) == [person.id]


def test_a_forgery_never_takes_the_place_of_the_real_one(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    [person] = city.people(1)
    named = person_dn(person.full_name, person.email, BA_DINH)
    brought(services, cer(tmp_path, g2.sub.certify(named, serial=77)))
    before = _rows()[0].sha256
    view = brought(services, listed(tmp_path, _row("4d", person)), issuer="VGCA G2")
    assert view.counts["known"] == 1
    refused = checked(services, cer(tmp_path, forged(g2.sub).certify(named, serial=77)))
    assert len(refused.refused) == 1
    assert refused.record.entries == 0
    assert _rows()[0].sha256 == before


def _row(number: str, person: Person, **changes: str) -> list[str]:
    said = {
        "serial": number,
        "name": person.full_name,
        "unit": BA_DINH,
        "email": person.email or "",
        "from": "13/03/2025",
        "to": "12/03/2030",
        "device": "0123456789",
        "carrier": "USB Token",
        "status": "Đang hoạt động",
    } | changes
    return ["1", *said.values()]


def test_a_list_is_as_good_as_its_issuer(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """The register's export: matched, counted to the end of its last day in Hanoi; when the
    certificate itself comes, the same row learns the rest."""
    [person] = city.people(1)
    brought(services, listed(tmp_path, _row("7A:F2 00", person)), issuer="VGCA G2")
    [view] = services.outside.page(SYSTEM).items
    assert (view.row.serial_hex, view.row.carrier, view.row.device_number) == (
        "7af200",
        Carrier.TOKEN,
        "0123456789",
    )
    assert (view.row.is_proven, view.row.is_official, view.row.match) == (
        False,
        True,
        Match.CERTAIN,
    )
    assert view.row.not_after == datetime(2030, 3, 12, 16, 59, 59, tzinfo=UTC)

    leaf = g2.sub.certify(person_dn(person.full_name, person.email, BA_DINH), serial=0x7AF200)
    brought(services, cer(tmp_path, leaf))
    [view] = services.outside.page(SYSTEM).items
    assert (view.row.is_proven, view.row.carrier, view.row.not_after) == (
        True,
        Carrier.TOKEN,
        leaf.not_valid_after_utc,
    )


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"serial": "7,12E+17"}, "Số chứng thư số", "7,12E+17"),
        ({"serial": "xyz"}, "Số chứng thư số", "xyz"),
        ({"serial": ""}, "Số chứng thư số", ""),
        ({"name": ""}, "Họ và tên", ""),
        ({"email": "a@@b"}, "Email", "a@@b"),
        ({"from": "30/02/2025"}, "Ngày cấp", "30/02/2025"),
        ({"to": "2030"}, "Ngày hết hạn", "2030"),
        ({"to": "01/01/2020"}, "Ngày hết hạn", "01/01/2020"),
    ],
)
def test_a_bad_row_is_named_by_row_and_column(
    changes: dict[str, str], column: str, value: str, services: Services, city: City, tmp_path: Path
) -> None:
    """The other rows are stored all the same."""
    [person] = city.people(1)
    file = listed(tmp_path, _row("01", person), _row("02", person, **changes))
    view = brought(services, file, issuer="VGCA G2")
    [refused] = view.refused
    assert (refused.place, refused.column, refused.value) == ("5", column, value)
    assert [row.serial_hex for row in _rows()] == ["1"]


def test_a_list_needs_an_issuer_that_is_known(
    services: Services, city: City, tmp_path: Path
) -> None:
    [person] = city.people(1)
    file = listed(tmp_path, _row("01", person))
    for issuer in (None, "Ai đó"):
        with pytest.raises(Invalid) as refused:
            checked(services, file, issuer=issuer)
        assert refused.value.field == "issuer"


def test_a_list_without_the_columns_says_which(
    services: Services, city: City, tmp_path: Path
) -> None:
    headings = ("Số chứng thư", "Họ và tên", "Email")
    file = listed(tmp_path, ["1", "A", "a@hanoi.gov.vn"], headings=headings)
    with pytest.raises(Invalid) as refused:
        checked(services, file, issuer="VGCA G2")
    assert "Từ ngày" in str(refused.value)


def test_a_serial_twice_in_a_file_is_stored_once(
    services: Services, city: City, tmp_path: Path
) -> None:
    people = city.people(2)
    file = listed(tmp_path, _row("0a", people[0]), _row("A", people[1]))
    view = brought(services, file, issuer="VGCA G2")
    assert [refused.place for refused in view.refused] == ["5"]
    assert len(_rows()) == 1


def test_a_revoked_row_counts_no_longer(
    services: Services, city: City, clock: StandingClock, tmp_path: Path
) -> None:
    [person] = city.people(1)
    file = listed(tmp_path, _row("01", person, status="Đã thu hồi"))
    brought(services, file, issuer="VGCA G2")
    [counted] = counting([person.id])
    assert counted.revoked_at == clock.now()


@both_databases
def test_much_is_a_job(services: Services, city: City, tmp_path: Path) -> None:
    """Chunks are items: killed between two, the next worker goes on; nothing is stored twice."""
    people = city.people(2)
    rows = [_row(f"{n + 1:x}", people[0]) for n in range(CHUNK + 3)]
    view = checked(services, listed(tmp_path, *rows), issuer="VGCA G2")
    job_id = services.outside.importing.apply(SYSTEM, view.record.id)
    assert job_id is not None
    assert services.jobs.progress(job_id).total == 2
    services.outside.importing.store_items([f"{view.record.id}:0"])  # did it, and was killed
    services.jobs.run(services.job_handlers)
    assert db.session.scalar(select(func.count()).select_from(OutsideCertificate)) == CHUNK + 3
    assert services.outside.importing.apply(SYSTEM, view.record.id) == job_id


def test_a_unit_sees_and_matches_only_its_own(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """R62: who looks after one ward cannot say whose a certificate of another ward's person is."""
    [person] = city.people(1, unit=OTHER_WARD)
    clerk = city.actor("clerk", Role.HR, WARD)
    other = city.actor("other", Role.HR, OTHER_WARD)
    file = cer(tmp_path, g2.sub.certify(person_dn(person.full_name, person.email)))
    view = brought(services, file, clerk)
    assert view.counts["unmatched"] == 1
    assert len(services.outside.page(clerk, Tab.UNMATCHED).items) == 1
    assert services.outside.page(other).items == ()
    with pytest.raises(NotFound):
        services.outside.importing.import_of(other, view.record.id)
    [mine] = services.outside.page(clerk).items
    with pytest.raises(Invalid):
        services.outside.assign(clerk, mine.row.id, person.code)
    with pytest.raises(NotFound):
        services.outside.certificate_of(other, mine.row.id)
    with pytest.raises(Forbidden):
        services.outside.page(city.actor("head", Role.APPROVER, WARD))

    brought(services, file, other)  # the same file, from where the person is
    assert [v.row.match for v in services.outside.page(other).items] == [Match.CERTAIN]
    assert services.outside.page(clerk).items == ()


def test_a_person_decides(services: Services, city: City, g2: Generation, tmp_path: Path) -> None:
    """Confirm, take back, assign: each is audited, moves the figures, and can be undone."""
    [person] = city.people(1)
    brought(services, cer(tmp_path, g2.sub.certify(person_dn(person.full_name, None, BA_DINH))))
    outside = services.outside
    [view] = outside.page(SYSTEM, Tab.PROPOSED).items
    assert view.person_code == person.code
    assert outside.confirm(SYSTEM, [view.row.id]) == 1
    assert outside.confirm(SYSTEM, [view.row.id]) == 0
    assert _counted(person) == [person.id]
    outside.reject(SYSTEM, view.row.id)
    assert _counted(person) == []
    assert outside.following.sweep() == 0  # what somebody refused is not proposed again
    outside.assign(SYSTEM, view.row.id, person.code)
    assert _counted(person) == [person.id]
    told = services.audit.events(subject=f"outside-certificate:{view.row.serial_hex}")
    assert [event.action for event in told] == [
        "outside.confirmed",
        "outside.rejected",
        "outside.confirmed",
    ]


def test_the_sweep_finds_owners_who_came_later(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """Certificates first, roster afterwards: both orders end alike."""
    leaf = g2.sub.certify(person_dn("Trần Thị Bình", "t1@hanoi.gov.vn", BA_DINH))
    brought(services, cer(tmp_path, leaf))
    assert services.outside.following.sweep() == 0
    [person] = city.people(1)
    assert services.outside.following.sweep() == 1
    assert _counted(person) == [person.id]
    assert services.outside.following.sweep() == 0


def test_the_list_is_searched_and_paged(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    names = ["Nguyễn Văn An", "Nguyễn Thị Ánh", "Trần Văn Đạt"]
    leaves = [g2.sub.certify(person_dn(name, None, BA_DINH)) for name in names]
    brought(services, p7b(tmp_path, *leaves))
    page = services.outside.page(SYSTEM, limit=2)
    rest = services.outside.page(SYSTEM, limit=2, after=int(page.next or 0))
    assert {v.row.common_name for v in (*page.items, *rest.items)} == set(names)
    assert rest.next is None
    found = services.outside.page(SYSTEM, text="nguyen thi anh").items
    assert [v.row.common_name for v in found] == ["Nguyễn Thị Ánh"]
    serial = f"{leaves[2].serial_number:X}"
    assert [v.row.common_name for v in services.outside.page(SYSTEM, text=serial).items] == [
        names[2]
    ]


def test_expired_is_said_by_the_day(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    [person] = city.people(1)
    named = person_dn(person.full_name, person.email)
    leaf = g2.sub.certify(named, until=clock.now() + timedelta(days=1))
    brought(services, cer(tmp_path, leaf))
    status = CertificateStatus
    assert [v.status for v in services.outside.page(SYSTEM).items] == [status.UNKNOWN]
    clock.move(timedelta(days=2))
    assert [v.status for v in services.outside.page(SYSTEM).items] == [status.EXPIRED]
    assert len(services.outside.page(SYSTEM, status=status.EXPIRED).items) == 1
    assert services.outside.page(SYSTEM, status=status.UNKNOWN).items == ()


def test_another_wards_file_takes_nothing_away(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """R62: whoever brings a colleague's certificate again, or a list that says it was revoked and
    somebody else's, says nothing about people of another ward."""
    [person] = city.people(1)
    [stranger] = city.people(1, unit=OTHER_WARD)
    other = city.actor("other", Role.HR, OTHER_WARD)
    leaf = g2.sub.certify(person_dn(person.full_name, person.email, BA_DINH), serial=77)
    brought(services, cer(tmp_path, leaf))
    brought(services, cer(tmp_path, leaf), other)
    claim = _row("4d", stranger, status="Đã thu hồi")
    brought(services, listed(tmp_path, claim), other, issuer="VGCA G2")
    [row] = _rows()
    assert (row.match, row.person_id) == (Match.CERTAIN, person.id)
    assert (row.status, row.carrier) == (CertificateStatus.UNKNOWN, Carrier.UNKNOWN)


def test_a_list_never_overrules_the_certificate(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """What was signed says whose it is; a spreadsheet adds the device."""
    person, other = city.people(2)
    leaf = g2.sub.certify(person_dn(person.full_name, person.email, BA_DINH), serial=77)
    brought(services, cer(tmp_path, leaf))
    brought(services, listed(tmp_path, _row("4d", other)), issuer="VGCA G2")
    [row] = _rows()
    assert (row.person_id, row.device_number) == (person.id, "0123456789")


def test_the_certificate_keeps_what_the_list_knew(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """A certificate without E does not lose the owner whose address the register gave."""
    [person] = city.people(1)
    brought(services, listed(tmp_path, _row("4d", person)), issuer="VGCA G2")
    leaf = g2.sub.certify(person_dn(person.full_name, None), serial=77)
    brought(services, cer(tmp_path, leaf))
    [row] = _rows()
    assert row.sha256 is not None
    assert (row.match, row.email) == (Match.CERTAIN, person.email)


def test_a_proposal_of_a_later_import_stays(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """The sweep looks where the import that found somebody was allowed to look."""
    [person] = city.people(1)
    file = cer(tmp_path, g2.sub.certify(person_dn(person.full_name, None, BA_DINH)))
    brought(services, file, city.actor("other", Role.HR, OTHER_WARD))
    brought(services, file, city.actor("clerk", Role.HR, WARD))
    assert [row.match for row in _rows()] == [Match.PROPOSED]
    services.outside.following.sweep()
    assert [row.match for row in _rows()] == [Match.PROPOSED]


def test_who_takes_a_certificate_away_can_give_it_back(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """Also when the city brought it in: it is nobody's then, but not out of sight."""
    [person] = city.people(1)
    brought(services, cer(tmp_path, g2.sub.certify(person_dn(person.full_name, person.email))))
    clerk = city.actor("clerk", Role.HR, WARD)
    [view] = services.outside.page(clerk).items
    services.outside.reject(clerk, view.row.id)
    assert services.outside.certificate_of(clerk, view.row.id).row.match is Match.REJECTED
    services.outside.assign(clerk, view.row.id, person.code)
    assert _counted(person) == [person.id]


def test_a_right_that_is_gone_stores_nothing(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """What was checked with more units than the actor has now is not stored for them."""
    [person] = city.people(1)
    wide = city.actor("clerk", Role.HR, None)
    view = checked(
        services, cer(tmp_path, g2.sub.certify(person_dn(person.full_name, person.email))), wide
    )
    narrow = replace(wide, grants=city.actor("other", Role.HR, OTHER_WARD).grants)
    with pytest.raises(Forbidden):
        services.outside.importing.apply(narrow, view.record.id)
    assert _rows() == []


def _spoiled(g2: Generation) -> list[x509.Certificate]:
    """An alternative name of a kind nobody reads; a serial number beyond RFC 5280's 20 octets."""
    named = person_dn("Lê Văn Hỏng", None)
    odd = x509.UnrecognizedExtension(
        x509.SubjectAlternativeName.oid, bytes.fromhex("300ca50aa1080c06") + b"abcdef"
    )
    made = g2.sub.certify(named, serial=77).public_bytes(Encoding.DER)
    (_, tbs), (_, algorithm), (_, signature) = der.children(made)
    version, _, *rest = der.children(tbs)
    long = der.tlv(der.SEQUENCE, version[1], b"\x02\x28" + b"\x11" * 40, *(b for _, b in rest))
    return [
        g2.sub.certify(named, extension=odd),
        x509.load_der_x509_certificate(der.tlv(der.SEQUENCE, long, algorithm, signature)),
    ]


def test_what_cannot_be_read_is_refused_alone(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    good = g2.sub.certify(person_dn("Nguyễn Văn An", None, BA_DINH))
    view = brought(services, p7b(tmp_path, *_spoiled(g2), good))
    assert len(view.refused) == 2
    assert [row.common_name for row in _rows()] == ["Nguyễn Văn An"]


def test_a_ca_that_comes_along_often_counts_once(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """Every .p7b of an export brings its chain: paths are not sought over thousands of copies."""
    files = []
    for name in "ab":
        leaf = g2.sub.certify(person_dn(f"Nguyễn Văn {name}", None))
        file = p7b(tmp_path, leaf, g2.sub.certificate)
        files.append(file.rename(file.with_name(f"{name}.p7b")))
    assert checked(services, zipped(tmp_path, *files)).authorities == 1


def test_who_was_found_later_is_on_record(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    leaf = g2.sub.certify(person_dn("Trần Thị Bình", "t1@hanoi.gov.vn", BA_DINH))
    brought(services, cer(tmp_path, leaf))
    city.people(1)
    services.outside.following.sweep()
    [event] = services.audit.events(subject="outside-certificates")
    assert (event.action, event.actor) == ("outside.compared", SYSTEM.name)
