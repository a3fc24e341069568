"""What issuers say of their certificates: lists that somebody brings, and OCSP (R18)."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.accounts import SYSTEM, Role
from signer.db import db, transaction
from signer.errors import Conflict, Forbidden, Invalid
from signer.inventory.models import Person
from signer.outside.anchors import Anchors, load_anchors
from signer.outside.counting import counting
from signer.outside.following import Following
from signer.outside.kinds import CertificateStatus
from signer.outside.models import OutsideCrl
from signer.outside.service import CertificateView
from signer.outside.status import ask_ocsp
from signer.services import Services
from tests.clocks import StandingClock
from tests.databases import both_databases
from tests.factories import City
from tests.outside.bringing import brought, cer, listed, p7b
from tests.outside.fake_vgca import (
    OCSP_ADDRESS,
    FakeCa,
    Generation,
    fake_g2,
    forged,
    person_dn,
    responder_at,
    rsa_key,
    write_anchors,
)
from tests.outside.test_import import _row

S = CertificateStatus
HOLD, COMPROMISED = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.key_compromise


def _brought(
    services: Services, city: City, g2: Generation, folder: Path
) -> tuple[Person, x509.Certificate]:
    [person] = city.people(1)
    leaf = g2.sub.certify(person_dn(person.full_name, person.email))
    brought(services, cer(folder, leaf))
    return person, leaf


def _view(services: Services) -> CertificateView:
    [view] = services.outside.page(SYSTEM).items
    return view


@both_databases
def test_a_list_says_what_is_revoked(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """Unknown, good, held, good again, revoked for good: at the word of each list, and counted."""
    person, leaf = _brought(services, city, g2, tmp_path)
    follow = services.outside.following
    assert _view(services).status is S.UNKNOWN

    follow.import_crl(SYSTEM, g2.sub.crl(clock.now(), number=1))
    assert _view(services).status is S.GOOD
    since = clock.now() - timedelta(hours=1)
    for number, (reason, status, counted_from) in enumerate(
        [(HOLD, S.HELD, since), (None, S.GOOD, None), (COMPROMISED, S.REVOKED, since)], start=2
    ):
        clock.move(timedelta(days=1))
        g2.sub.revoked = {} if status is S.GOOD else {leaf.serial_number: (since, reason)}
        kept = follow.import_crl(SYSTEM, g2.sub.crl(clock.now(), number=number))
        assert kept.entries == len(g2.sub.revoked)
        assert _view(services).status is status
        [counted] = counting([person.id])
        assert counted.revoked_at == counted_from
    g2.sub.revoked = {}
    clock.move(timedelta(days=1))
    follow.import_crl(SYSTEM, g2.sub.crl(clock.now(), number=5))
    assert _view(services).status is S.REVOKED
    figures = services.outside.figures(SYSTEM)
    assert (figures.revoked, figures.unknown_status) == (1, 0)
    [shown] = follow.crls()
    assert shown.number == "5"


def test_good_lapses_with_the_list(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """After nextUpdate nobody knows any more; it is shown as its own figure."""
    _brought(services, city, g2, tmp_path)
    services.outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now(), days=7))
    assert services.outside.figures(SYSTEM).unknown_status == 0
    clock.move(timedelta(days=8))
    assert _view(services).status is S.UNKNOWN
    assert services.outside.figures(SYSTEM).unknown_status == 1
    assert len(services.outside.page(SYSTEM, status=S.UNKNOWN).items) == 1
    assert services.outside.page(SYSTEM, status=S.GOOD).items == ()


def test_what_comes_after_the_list_knows_it(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """The newest list is kept: a certificate brought in later has its status at once."""
    [person] = city.people(1)
    leaf = g2.sub.certify(person_dn(person.full_name, person.email))
    g2.sub.revoked = {leaf.serial_number: (clock.now(), None)}
    services.outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now()))
    brought(services, cer(tmp_path, leaf))
    assert _view(services).status is S.REVOKED


@pytest.mark.parametrize("anchors_extra", ["unknown_counts = false"])
def test_where_unknown_does_not_count_a_list_decides(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    person, _ = _brought(services, city, g2, tmp_path)
    assert list(counting([person.id])) == []
    services.outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now(), days=7))
    [counted] = counting([person.id])
    assert counted.until_at == clock.now() + timedelta(days=7)


REFUSED: list[tuple[str, Callable[[FakeCa, datetime], bytes], type[Exception]]] = [
    ("no list", lambda ca, at: b"x", Invalid),
    ("a forged one", lambda ca, at: ca.crl(at, key=rsa_key(9)), Invalid),
    ("a stranger's", lambda ca, at: fake_g2(curve=True).sub.crl(at), Invalid),
    ("a delta", lambda ca, at: ca.crl(at, extension=x509.DeltaCRLIndicator(1)), Invalid),
    ("a part", lambda ca, at: ca.crl(at, extension=_part()), Invalid),
    ("from tomorrow", lambda ca, at: ca.crl(at + timedelta(days=1)), Invalid),
    ("older than ours", lambda ca, at: ca.crl(at - timedelta(days=1)), Conflict),
]


def _part() -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier("http://a/1.crl")],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )


@pytest.mark.parametrize(("make", "error"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_list_of_no_use_changes_nothing(
    make: Callable[[FakeCa, datetime], bytes],
    error: type[Exception],
    services: Services,
    city: City,
    g2: Generation,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    _, leaf = _brought(services, city, g2, tmp_path)
    services.outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now(), number=7))
    g2.sub.revoked = {leaf.serial_number: (clock.now(), None)}
    with pytest.raises(error):
        services.outside.following.import_crl(SYSTEM, make(g2.sub, clock.now()))
    assert _view(services).status is S.GOOD


def test_g1_lists_are_read_where_sha1_is_allowed(
    services: Services, city: City, g1: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    [person] = city.people(1)
    leaf = g1.sub.certify(person_dn(person.full_name, person.email))
    brought(services, cer(tmp_path, leaf))
    services.outside.following.import_crl(SYSTEM, g1.sub.crl(clock.now()))
    assert _view(services).status is S.GOOD


def test_a_list_is_the_citys_business(services: Services, city: City, g2: Generation) -> None:
    """It speaks of everybody's certificates, so no single ward brings it."""
    clerk = city.actor("clerk", Role.HR)
    with pytest.raises(Forbidden):
        services.outside.following.import_crl(clerk, g2.sub.crl(datetime(2026, 1, 1, tzinfo=UTC)))


NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def _anchors(folder: Path, g2: Generation, address: str) -> Anchors:
    rewrite = f'[[rewrite]]\nfrom = "{OCSP_ADDRESS}"\nto = "{address}"'
    write_anchors(folder, g2=g2, extra=rewrite)
    return load_anchors(folder)


def _asked(
    folder: Path, g2: Generation, answer: Callable[[bytes], tuple[int, bytes]], **said: str
) -> CertificateStatus:
    leaf = g2.sub.certify(person_dn("Nguyễn Thị Ánh"), **said)  # type: ignore[arg-type]
    with responder_at(answer) as address:
        anchors = _anchors(folder, g2, address)
        anchor = anchors.by_name("VGCA G2")
        assert anchor is not None
        return ask_ocsp(leaf, anchors, anchor, NOW).status


def _delegate(g2: Generation, *, purpose: bool = True, ca: FakeCa | None = None):  # type: ignore[no-untyped-def]
    certificate = (ca or g2.sub).certify(
        (("C", "VN"), ("CN", "OCSP")), key=rsa_key(7), responder=purpose
    )
    return certificate, rsa_key(7)


ANSWERS: list[tuple[str, Callable[[Generation, bytes], tuple[int, bytes]], CertificateStatus]] = [
    ("good", lambda g, r: (200, g.sub.answer(r, NOW)), S.GOOD),
    ("by a delegate", lambda g, r: (200, g.sub.answer(r, NOW, responder=_delegate(g))), S.GOOD),
    (
        "by a delegate without the purpose",
        lambda g, r: (200, g.sub.answer(r, NOW, responder=_delegate(g, purpose=False))),
        S.UNKNOWN,
    ),
    (
        "by somebody else's delegate",
        lambda g, r: (200, g.sub.answer(r, NOW, responder=_delegate(g, ca=forged(g.sub)))),
        S.UNKNOWN,
    ),
    ("forged", lambda g, r: (200, forged(g.sub).answer(r, NOW)), S.UNKNOWN),
    ("unknown", lambda g, r: (200, g.sub.answer(r, NOW, unknown=True)), S.UNKNOWN),
    ("stale", lambda g, r: (200, g.sub.answer(r, NOW - timedelta(days=2))), S.UNKNOWN),
    ("from tomorrow", lambda g, r: (200, g.sub.answer(r, NOW + timedelta(days=1))), S.UNKNOWN),
    ("no answer", lambda g, r: (500, b""), S.UNKNOWN),
    ("rubbish", lambda g, r: (200, b"rubbish"), S.UNKNOWN),
    ("try later", lambda g, r: (200, b"\x30\x03\x0a\x01\x03"), S.UNKNOWN),
    ("too long", lambda g, r: (200, b"0" * 100_000), S.UNKNOWN),
    ("elsewhere", lambda g, r: (302, b"http://127.0.0.1:1/"), S.UNKNOWN),
]


@pytest.mark.parametrize(("make", "status"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS])
def test_only_a_believable_answer_is_believed(
    make: Callable[[Generation, bytes], tuple[int, bytes]],
    status: CertificateStatus,
    g2: Generation,
    tmp_path: Path,
) -> None:
    assert _asked(tmp_path, g2, lambda request: make(g2, request)) is status


def test_an_answer_about_another_certificate_says_nothing(g2: Generation, tmp_path: Path) -> None:
    other: list[bytes] = []

    def answer(request: bytes) -> tuple[int, bytes]:
        other.append(request)
        return 200, g2.sub.answer(other[0], NOW)

    assert _asked(tmp_path, g2, answer) is S.GOOD
    assert _asked(tmp_path, g2, answer) is S.UNKNOWN


def test_an_address_outside_the_table_is_not_asked(g2: Generation, tmp_path: Path) -> None:
    """Not even the very server of the table under another name."""
    asked: list[bytes] = []

    def answer(request: bytes) -> tuple[int, bytes]:
        asked.append(request)
        return 200, g2.sub.answer(request, NOW)

    found = _asked(tmp_path, g2, answer, ocsp_address="http://127.0.0.1:80/")
    assert (found, asked) == (S.UNKNOWN, [])


def test_a_responder_that_is_away_leaves_what_is_known(g2: Generation, tmp_path: Path) -> None:
    leaf = g2.sub.certify(person_dn("Nguyễn Thị Ánh"))
    anchors = _anchors(tmp_path, g2, "http://127.0.0.1:1")
    anchor = anchors.by_name("VGCA G2")
    assert anchor is not None
    assert ask_ocsp(leaf, anchors, anchor, NOW).status is S.UNKNOWN


class TestAsking:
    """The job that asks about all of them."""

    @pytest.fixture
    def anchors_extra(self) -> str:
        """The address is known once the responder runs; `_anchors` writes it anew."""
        return f'[[rewrite]]\nfrom = "{OCSP_ADDRESS}"\nto = "http://127.0.0.1:1"'

    def test_a_job_asks_once_while_the_answers_hold(
        self,
        services: Services,
        city: City,
        g2: Generation,
        clock: StandingClock,
        tmp_path: Path,
    ) -> None:
        [person] = city.people(1)
        leaves = [g2.sub.certify(person_dn(person.full_name, person.email)) for _ in range(7)]
        brought(services, p7b(tmp_path, *leaves))
        g2.sub.revoked = {leaves[3].serial_number: (clock.now(), COMPROMISED)}
        following = services.outside.following
        with responder_at(lambda r: (200, g2.sub.answer(r, clock.now()))) as address:
            following._anchors = _anchors(tmp_path / "trust", g2, address)
            following.refresh(SYSTEM)
            services.jobs.run(services.job_handlers)
            views = services.outside.page(SYSTEM).items
            assert [v.status for v in views].count(S.GOOD) == 6
            [revoked] = services.outside.page(SYSTEM, status=S.REVOKED).items
            assert revoked.row.serial_hex == f"{leaves[3].serial_number:x}"
            with pytest.raises(Conflict):
                following.refresh(SYSTEM)

    def test_an_unknown_answer_takes_nothing_away(
        self, services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
    ) -> None:
        """Nobody answers: what the list said holds until its nextUpdate."""
        _brought(services, city, g2, tmp_path)
        following = services.outside.following
        following.import_crl(SYSTEM, g2.sub.crl(clock.now()))
        [view] = services.outside.page(SYSTEM).items
        following.ask_items([str(view.row.id)])
        assert _view(services).status is S.GOOD


def test_without_a_table_nobody_is_asked(services: Services, city: City) -> None:
    """Connectors are off by default (R67)."""
    with pytest.raises(Invalid):
        services.outside.following.refresh(SYSTEM)


def test_second_readers_agree_about_the_fake(
    g1: Generation, g2: Generation, tmp_path: Path
) -> None:
    """openssl verifies the hierarchies, and certtool reads the very serial, issuer and subject."""
    for generation in (g1, g2):
        leaf = generation.sub.certify(person_dn("Nguyễn Thị Ánh", "a@hanoi.gov.vn", "SỞ Y TẾ"))
        for name, certificate in (
            ("root", generation.root.certificate),
            ("sub", generation.sub.certificate),
            ("leaf", leaf),
        ):
            (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        verified = subprocess.run(
            [
                *("openssl", "verify", "-auth_level", "0", "-CAfile", "root.pem"),
                *("-untrusted", "sub.pem", "leaf.pem"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "leaf.pem: OK" in verified.stdout, verified.stderr
        told = subprocess.run(
            ["certtool", "--certificate-info", "--infile", "leaf.pem"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        digest = hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
        assert digest in told.replace(":", "").lower()
        assert re.search(r"Subject: .*CN=Nguyễn Thị Ánh", told)


def test_no_answer_outranks_no_list(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """Nobody answered today: yesterday's list is still the last that the issuer said."""
    _, leaf = _brought(services, city, g2, tmp_path)
    following = services.outside.following
    following.ask_items([str(_view(services).row.id)])
    assert _view(services).status is S.UNKNOWN
    yesterday = clock.now() - timedelta(days=1)
    g2.sub.revoked = {leaf.serial_number: (yesterday, HOLD)}
    following.import_crl(SYSTEM, g2.sub.crl(yesterday))
    assert _view(services).status is S.HELD


def test_the_issuer_puts_a_wrong_list_right(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """A spreadsheet that says "revoked" holds until the issuer's next word; nobody asked takes
    nothing back."""
    [person] = city.people(1)
    claim = _row("4d", person, status="Đã thu hồi")
    brought(services, listed(tmp_path, claim), issuer="VGCA G2")
    clock.move(timedelta(days=1))
    services.outside.following.ask_items([str(_view(services).row.id)])
    assert _view(services).status is S.REVOKED
    services.outside.following.import_crl(SYSTEM, g2.sub.crl(clock.now()))
    assert _view(services).status is S.GOOD


def test_a_list_that_was_kept_and_no_more_is_applied_later(
    services: Services, city: City, g2: Generation, clock: StandingClock, tmp_path: Path
) -> None:
    """Killed after the list was stored, before the certificates were held against it."""
    _, leaf = _brought(services, city, g2, tmp_path)
    g2.sub.revoked = {leaf.serial_number: (clock.now(), COMPROMISED)}
    sha256 = services.files.put(g2.sub.crl(clock.now()))
    with transaction():
        db.session.add(
            OutsideCrl(
                sha256=sha256,
                anchor="VGCA G2",
                number="1",
                this_update=clock.now(),
                next_update=clock.now() + timedelta(days=7),
                entries=1,
                imported_by=SYSTEM.name,
                imported_at=clock.now(),
            )
        )
    services.outside.following.sweep()
    assert _view(services).status is S.REVOKED


def test_another_name_for_the_issuer_changes_nothing(
    services: Services, city: City, g2: Generation, tmp_path: Path
) -> None:
    """`name` is what pages call it; whoever left anchors.toml is no official issuer any more."""
    [person] = city.people(1)
    brought(services, cer(tmp_path, g2.sub.certify(person_dn(person.full_name, person.email))))
    brought(services, listed(tmp_path, _row("4d", person)), issuer="VGCA G2")
    folder = tmp_path / "trust"
    said = (folder / "anchors.toml").read_text(encoding="utf-8")
    for text, expected in (
        (said.replace('"VGCA G2"', '"CA Nhà nước"'), ("CA Nhà nước", True)),
        ("", (None, False)),
        (said, ("VGCA G2", True)),
    ):
        (folder / "anchors.toml").write_text(text, encoding="utf-8")
        room = (services.clock, services.audit, services.files, services.jobs)
        Following(*room, load_anchors(folder)).sweep()
        views = services.outside.page(SYSTEM).items
        assert [(view.row.anchor, view.row.counts) for view in views] == [expected] * 2
