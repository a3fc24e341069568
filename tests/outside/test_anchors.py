"""Whom the installation trusts: files with pins, and paths up to them (R16, R17)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.app import create_rooms
from signer.config import Settings
from signer.errors import ConfigError
from signer.outside.anchors import Anchors, load_anchors
from signer.outside.kinds import CertificateStatus
from tests.outside.fake_vgca import (
    FakeCa,
    Generation,
    dn,
    fake_g2,
    forged,
    person_dn,
    rsa_key,
    write_anchors,
)

SUBJECT = person_dn("Nguyễn Thị Ánh", "a@hanoi.gov.vn", "SỞ Y TẾ")


def _anchors(folder: Path, **said: object) -> Anchors:
    write_anchors(folder, **said)  # type: ignore[arg-type]
    return load_anchors(folder)


def _edited(folder: Path, old: str, new: str) -> None:
    file = folder / "anchors.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def _swapped(folder: Path) -> None:
    """The same name, another key."""
    other = fake_g2(curve=True).sub.certificate
    (folder / "g2-sub.crt").write_bytes(other.public_bytes(Encoding.DER))


SPOILED: list[tuple[str, Callable[[Path], None], str]] = [
    ("another file in its place", _swapped, "SHA-256"),
    ("a file is missing", lambda f: (f / "g2-root.crt").unlink(), "g2-root.crt"),
    ("no certificate", lambda f: _spoil(f / "g2-sub.crt"), "g2-sub.crt"),
    ("a wrong pin", lambda f: _edited(f, 'sha256 = "', 'sha256 = "00'), "SHA-256"),
    ("no TOML", lambda f: _edited(f, "[[anchor]]", "[[anchor"), "anchors.toml"),
    ("an unknown key", lambda f: _edited(f, "counts", "count"), "count"),
    ("a root called sub", lambda f: _edited(f, 'role = "root"', 'role = "sub"'), "g2-root"),
    ("an unknown generation", lambda f: _edited(f, '"G2"\nrole', '"G3"\nrole'), "g2-root"),
    ("SHA-1 beyond G1", lambda f: _edited(f, "counts =", "allow_sha1 = true\ncounts ="), "SHA-1"),
    ("two of one name", lambda f: _edited(f, '"VGCA G2 gốc"', '"VGCA G2"'), "name"),
    ("a word for a truth", lambda f: _edited(f, "counts = true", 'counts = "yes"'), "counts"),
    (
        "an address without a host",
        lambda f: _edited(f, "[[anchor]]", '[[rewrite]]\nfrom = "http://"\nto = "x"\n[[anchor]]'),
        "http://",
    ),
]


def _spoil(file: Path) -> None:
    file.write_bytes(b"no certificate")


@pytest.mark.parametrize(("spoil", "named"), [s[1:] for s in SPOILED], ids=[s[0] for s in SPOILED])
def test_a_wrong_trust_file_stops_the_start(
    spoil: Callable[[Path], None], named: str, settings: Settings
) -> None:
    """One sentence names what is wrong; nothing is served that trusts something else."""
    create_rooms(settings)
    spoil(settings.home / "trust")
    with pytest.raises(ConfigError) as refused:
        create_rooms(settings)
    assert named in str(refused.value)


def test_without_the_file_nobody_is_trusted(tmp_path: Path, g2: Generation) -> None:
    anchors = load_anchors(tmp_path / "nothing")
    assert anchors == Anchors()
    assert anchors.path_of(g2.sub.certify(SUBJECT)) is None


def test_the_pin_may_be_the_fingerprint_of_a_pem(tmp_path: Path, g2: Generation) -> None:
    """sha256sum of the file, and the fingerprint that authorities publish, both name it."""
    write_anchors(tmp_path, g2=g2)
    pem = g2.sub.certificate.public_bytes(Encoding.PEM)
    (tmp_path / "g2-sub.crt").write_bytes(pem)
    assert load_anchors(tmp_path).by_name("VGCA G2") is not None


@pytest.mark.parametrize("curve", [False, True], ids=["RSA", "ECDSA"])
def test_a_path_leads_to_the_issuer_that_signed(tmp_path: Path, curve: bool) -> None:
    g2 = fake_g2(curve=curve)
    found = _anchors(tmp_path, g2=g2).path_of(g2.sub.certify(SUBJECT))
    assert found is not None
    assert found.name == "VGCA G2"


def test_g1_needs_leave_for_sha1(tmp_path: Path, g1: Generation, g2: Generation) -> None:
    """Its certificates are believed only where anchors.toml says so."""
    leaf = g1.sub.certify(SUBJECT, at=datetime(2015, 5, 1, tzinfo=UTC))
    anchors = _anchors(tmp_path, g2=g2, g1=g1)
    assert anchors.path_of(leaf) is not None
    _edited(tmp_path, "allow_sha1 = true\n[[anchor]]", "[[anchor]]")
    strict = (tmp_path / "anchors.toml").read_text().replace("allow_sha1 = true", "")
    (tmp_path / "anchors.toml").write_text(strict)
    assert load_anchors(tmp_path).path_of(leaf) is None


def test_a_local_intermediate_closes_the_gap(tmp_path: Path, g2: Generation) -> None:
    """A .p7b brings it along; nothing is fetched."""
    name = dn(("C", "VN"), ("CN", "CA cấp dưới"))
    below = FakeCa(
        name=name,
        key=rsa_key(6),
        certificate=g2.sub.certify(name, ca=True, key=rsa_key(6)),
        digest=g2.sub.digest,
    )
    leaf = below.certify(SUBJECT)
    anchors = _anchors(tmp_path, g2=g2)
    assert anchors.path_of(leaf) is None
    found = anchors.path_of(leaf, [below.certificate])
    assert found is not None
    assert found.name == "VGCA G2"


def test_what_is_no_ca_issues_nothing(tmp_path: Path, g2: Generation) -> None:
    """RFC 5280 section 6.1.4: an official's certificate is nobody's intermediate."""
    official = g2.sub.certify(SUBJECT, key=rsa_key(6))
    below = FakeCa(
        name=official.subject, key=rsa_key(6), certificate=official, digest=g2.sub.digest
    )
    anchors = _anchors(tmp_path, g2=g2)
    assert anchors.path_of(below.certify(SUBJECT), [official]) is None


def test_before_the_issuer_was_valid_nothing_counts(tmp_path: Path, g2: Generation) -> None:
    leaf = g2.sub.certify(SUBJECT, at=datetime(2017, 1, 1, tzinfo=UTC))
    assert _anchors(tmp_path, g2=g2).path_of(leaf) is None


def test_another_key_under_the_same_name_is_nobodys(tmp_path: Path, g2: Generation) -> None:
    assert _anchors(tmp_path, g2=g2).path_of(forged(g2.sub).certify(SUBJECT)) is None


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("http://ocsp.ca.ptc", "http://ocsp.ca.gov.vn"),
        ("http://ocsp.ca.ptc/", "http://ocsp.ca.gov.vn/"),
        ("http://ocsp.ca.ptc/ocsp", "http://ocsp.ca.gov.vn/ocsp"),
        ("http://ocsp.ca.ptc.evil.example/", None),
        ("http://ocsp.ca.ptc@evil.example/", None),
        ("http://ocsp.ca.ptc:8080/", None),
        ("http://169.254.169.254/latest", None),
        ("file:///etc/passwd", None),
    ],
)
def test_only_addresses_of_the_table_are_asked(address: str, asked: str | None) -> None:
    """A certificate is written by a stranger; what it names is no order to go there."""
    anchors = Anchors(rewrites=(("http://ocsp.ca.ptc", "http://ocsp.ca.gov.vn"),))
    assert anchors.address_of(address) == asked


NOW = datetime(2026, 11, 23, tzinfo=UTC)
END = datetime(2030, 1, 1, tzinfo=UTC)
S = CertificateStatus


@pytest.mark.parametrize(
    ("why", "changes", "status", "until", "expected"),
    [
        ("a counting issuer", {}, S.UNKNOWN, None, END),
        ("no issuer of that name", {"anchors": ()}, S.GOOD, NOW, None),
        ("unknown does not count", {"unknown_counts": False}, S.UNKNOWN, None, None),
        ("good for as long as that is known", {"unknown_counts": False}, S.GOOD, NOW, NOW),
        ("days before a revocation count", {"unknown_counts": False}, S.REVOKED, None, END),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_until_when_it_counts(
    why: str,
    changes: dict[str, object],
    status: CertificateStatus,
    until: datetime | None,
    expected: datetime | None,
    tmp_path: Path,
    g2: Generation,
) -> None:
    anchors = replace(_anchors(tmp_path, g2=g2), **changes)  # type: ignore[arg-type]
    counted = anchors.counted_until(
        anchor="VGCA G2", has_bytes=True, status=status, status_until=until, not_after=END
    )
    assert counted == expected


def test_a_list_counts_only_where_lists_count(tmp_path: Path, g2: Generation) -> None:
    anchors = _anchors(tmp_path, g2=g2, extra="lists_count = false")
    said = {"anchor": "VGCA G2", "status": S.UNKNOWN, "status_until": None, "not_after": END}
    assert anchors.counted_until(has_bytes=False, **said) is None  # type: ignore[arg-type]
    assert anchors.counted_until(has_bytes=True, **said) == END  # type: ignore[arg-type]


def test_an_issuer_may_be_trusted_and_not_count(tmp_path: Path, g2: Generation) -> None:
    anchors = _anchors(tmp_path, g2=g2, counts=False)
    found = anchors.path_of(g2.sub.certify(SUBJECT))
    assert found is not None
    assert not found.counts
    assert isinstance(found.certificate, x509.Certificate)
