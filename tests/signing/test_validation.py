"""Verdicts: each thing that can be wrong with a signature has its class and its sentence."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signer.ca import der
from signer.errors import Invalid
from signer.signing.cms import RsaScheme
from signer.signing.geometry import Box
from signer.signing.revocation import RevocationState
from signer.signing.sandbox import Sandbox
from signer.signing.validation import (
    Coverage,
    Integrity,
    PathState,
    Verdict,
    VerdictClass,
    validate,
)
from tests.signing.conftest import NOW, PDF, Authority, Identity, Sign, key_usage

LATER = NOW + timedelta(hours=2)
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
Check = Callable[..., Verdict]


@pytest.fixture
def check(authority: Authority, sandbox: Sandbox) -> Check:
    """Validates with everything good; a test replaces the part it is about."""

    def verdict(path: Path, **changed: object) -> Verdict:
        values: dict[str, object] = {
            "trust_roots": [authority.root.der],
            "intermediates": [authority.issuing.der],
            "crls": [authority.crl()],
            "at": LATER,
            "sandbox": sandbox,
        }
        return validate(path, **(values | changed))  # type: ignore[arg-type]

    return verdict


@pytest.fixture
def signed(sign: Sign, tmp_path: Path) -> Path:
    sign(PDF / "quyet_dinh.pdf", tmp_path / "signed.pdf")
    return tmp_path / "signed.pdf"


def test_a_good_signature(check: Check, signed: Path, person: Identity) -> None:
    """Everything a clerk asks is answered, and the answer is plain JSON."""
    found = check(signed)
    assert (found.verdict, found.sentence) == (VerdictClass.VALID, "Chữ ký hợp lệ!")
    (signature,) = found.signatures
    assert (signature.signer, signature.unit) == ("Trần Thị B", "SỞ NỘI VỤ")
    assert signature.organisation == "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"
    assert signature.serial_hex == f"{person.certificate.serial_number:X}"
    assert signature.signed_at == NOW
    assert signature.coverage_after is Coverage.NOTHING
    assert "Tài liệu chưa bị thay đổi." in signature.sentences
    assert "Chữ ký không gắn dấu thời gian." in signature.sentences
    told = json.loads(json.dumps(found.to_json()))
    assert told["verdict"] == "valid"
    assert told["signatures"][0]["signed_at"] == "2026-11-23T09:30:15+07:00"


@pytest.mark.parametrize("name", ["quyet_dinh", "ban_quet", "bao_cao_29_trang"])
def test_the_three_documents(sign: Sign, check: Check, tmp_path: Path, name: str) -> None:
    """Unsigned before, valid after."""
    assert check(PDF / f"{name}.pdf").verdict is VerdictClass.UNSIGNED
    sign(PDF / f"{name}.pdf", tmp_path / "x.pdf")
    assert check(tmp_path / "x.pdf").verdict is VerdictClass.VALID


@pytest.mark.parametrize("scheme", list(RsaScheme))
def test_rsa_signatures_verify(
    sign: Sign, check: Check, authority: Authority, tmp_path: Path, scheme: RsaScheme
) -> None:
    """Both schemes of the field (R35)."""
    who = authority.person(key=rsa.generate_private_key(65537, 2048))
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=who, rsa_scheme=scheme)
    assert check(tmp_path / "x.pdf").verdict is VerdictClass.VALID


def test_a_further_signature_is_a_permitted_change(
    sign: Sign, check: Check, authority: Authority, signed: Path, tmp_path: Path
) -> None:
    """Both are valid, oldest first; the first is told what came after it."""
    out = tmp_path / "two.pdf"
    sign(signed, out, who=authority.person("Lê Văn C"), box=Box(x0=60, y0=60, x1=230, y1=110))
    found = check(out)
    assert found.verdict is VerdictClass.VALID
    assert [s.signer for s in found.signatures] == ["Trần Thị B", "Lê Văn C"]
    assert [s.coverage_after for s in found.signatures] == [Coverage.PERMITTED, Coverage.NOTHING]
    assert any("ký số sau đó" in sentence for sentence in found.signatures[0].sentences)


def test_a_changed_byte_is_found(check: Check, signed: Path, tmp_path: Path) -> None:
    """Anywhere in the signed part."""
    data = bytearray(signed.read_bytes())
    out = tmp_path / "changed.pdf"
    at = data.index(b"/Producer") + 12
    data[at] ^= 1
    out.write_bytes(data)
    found = check(out)
    assert (found.verdict, found.sentence) == (VerdictClass.INVALID, "Chữ ký không hợp lệ!")
    assert found.signatures[0].integrity is Integrity.ALTERED
    assert found.signatures[0].sentences == ("Tài liệu đã bị thay đổi.",)


def incremental(source: Path, out: Path, change: Callable[[object], None]) -> Path:
    """An update appended after the signature, as an editor would save it."""
    with source.open("rb") as stream:
        writer = IncrementalPdfFileWriter(stream, strict=False)
        change(writer)
        with out.open("wb") as file:
            writer.write(file)
    return out


def test_content_changed_by_an_update_is_found(check: Check, signed: Path, tmp_path: Path) -> None:
    """The signed bytes are untouched, yet what people see is not what was signed."""

    def overwrite(writer: object) -> None:
        page, _ = writer.find_page_for_modification(0)  # type: ignore[attr-defined]
        page.get_object()["/Contents"] = writer.add_object(  # type: ignore[attr-defined]
            StreamObject(stream_data=b"BT ET")
        )
        writer.mark_update(page)  # type: ignore[attr-defined]

    found = check(incremental(signed, tmp_path / "x.pdf", overwrite))
    assert found.verdict is VerdictClass.INVALID
    (signature,) = found.signatures
    assert (signature.integrity, signature.coverage_after) == (Integrity.INTACT, Coverage.CHANGED)
    assert "Tài liệu đã bị thay đổi." in signature.sentences


def test_rubbish_at_the_end_is_found(check: Check, signed: Path, tmp_path: Path) -> None:
    """Bytes after the signed part that are no proper update are a change."""
    out = tmp_path / "x.pdf"
    out.write_bytes(signed.read_bytes() + b"% more\n")
    assert check(out).verdict is not VerdictClass.VALID


def test_a_forged_signature_value_is_found(check: Check, signed: Path, tmp_path: Path) -> None:
    """A digit changed in the CMS object makes it invalid, or changes nothing that is claimed."""
    good = check(signed).signatures[0]
    data = signed.read_bytes()
    start = data.index(b"/Contents <") + len(b"/Contents <")
    end = data.index(b"00000000", start)
    out = tmp_path / "x.pdf"
    for at in range(start + 40, end - 2, max(1, (end - start) // 25)):
        forged = bytearray(data)
        forged[at] = ord("1") if data[at] != ord("1") else ord("2")
        out.write_bytes(forged)
        found = check(out)
        assert found.verdict is not VerdictClass.VALID or found.signatures[0] == good, at


SPOILT_PEOPLE: dict[str, tuple[dict[str, object], VerdictClass, PathState, str]] = {
    "wrong key usage": (
        {"usage": key_usage(digital_signature=True)},
        VerdictClass.VALID,
        PathState.TRUSTED,
        "Chứng thư số tin cậy.",
    ),
    "only for TLS servers": (
        {"extended": (ExtendedKeyUsageOID.SERVER_AUTH,)},
        VerdictClass.INVALID,
        PathState.WRONG_USAGE,
        "Chứng thư số không được dùng để ký tài liệu.",
    ),
    "for documents": (
        {"extended": (DOCUMENT_SIGNING,)},
        VerdictClass.VALID,
        PathState.TRUSTED,
        "Chứng thư số tin cậy.",
    ),
}


@pytest.mark.parametrize("case", SPOILT_PEOPLE)
def test_purposes(
    sign: Sign, check: Check, authority: Authority, tmp_path: Path, case: str
) -> None:
    """keyUsage and extendedKeyUsage decide whether the certificate is for documents."""
    wishes, verdict, state, sentence = SPOILT_PEOPLE[case]
    who = authority.person(**wishes)  # type: ignore[arg-type]
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=who)
    found = check(tmp_path / "x.pdf")
    assert (found.verdict, found.signatures[0].path) == (verdict, state)
    assert sentence in found.signatures[0].sentences


def test_a_certificate_that_may_only_encrypt(
    sign: Sign, check: Check, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We would not sign with it; somebody else's signature with it is invalid."""
    who = authority.person(usage=key_usage(key_encipherment=True))
    monkeypatch.setattr("signer.signing.cms.check_may_sign", lambda *_: None)
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=who)
    found = check(tmp_path / "x.pdf")
    assert (found.verdict, found.signatures[0].path) == (
        VerdictClass.INVALID,
        PathState.WRONG_USAGE,
    )


def test_an_unknown_root(check: Check, signed: Path) -> None:
    """Nobody here trusts it, which is not the same as forged."""
    found = check(signed, trust_roots=[Authority().root.der])
    assert found.sentence == "Không đủ thông tin xác thực chữ ký!"
    assert found.signatures[0].path is PathState.UNTRUSTED
    assert "Chứng thư số không tin cậy." in found.signatures[0].sentences
    assert check(signed, trust_roots=[], intermediates=[]).verdict is VerdictClass.INDETERMINATE


def test_a_leaf_alone_is_completed_with_local_intermediates(
    sign: Sign, check: Check, tmp_path: Path
) -> None:
    """Many tools embed only the leaf (domain.md D6, R47)."""
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", chain_der=())
    assert check(tmp_path / "x.pdf").verdict is VerdictClass.VALID
    found = check(tmp_path / "x.pdf", intermediates=[])
    assert found.signatures[0].path is PathState.UNTRUSTED


def test_an_intermediate_from_the_document_needs_its_own_list(
    check: Check, authority: Authority, signed: Path
) -> None:
    """One the operator did not choose must be shown not to be revoked."""
    found = check(signed, intermediates=[])
    assert found.verdict is VerdictClass.INDETERMINATE
    lists = [authority.crl(), authority.crl(issuer=authority.root)]
    assert check(signed, intermediates=[], crls=lists).verdict is VerdictClass.VALID


def test_expiry(sign: Sign, check: Check, authority: Authority, tmp_path: Path) -> None:
    """Good when it signed, expired now: without a time stamp nobody can prove the when."""
    who = authority.person(days=(-30, 10))
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=who)
    after = NOW + timedelta(days=20)
    found = check(tmp_path / "x.pdf", at=after, crls=[authority.crl(at=after)])
    assert found.verdict is VerdictClass.INDETERMINATE
    assert found.signatures[0].path is PathState.EXPIRED
    assert "Chứng thư số đã hết hạn sử dụng." in found.signatures[0].sentences
    before = NOW - timedelta(days=40)
    found = check(tmp_path / "x.pdf", at=before, crls=[authority.crl(at=before)])
    assert found.signatures[0].path is PathState.NOT_YET_VALID
    assert "Chứng thư số chưa có hiệu lực." in found.signatures[0].sentences


def test_signed_outside_the_validity(
    sign: Sign, check: Check, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the signer's own word the certificate was not in force."""
    monkeypatch.setattr("signer.signing.cms.check_may_sign", lambda *_: None)
    who = authority.person(days=(-30, -10))
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=who)
    assert check(tmp_path / "x.pdf").verdict is VerdictClass.INVALID


def test_revocation(check: Check, authority: Authority, person: Identity, signed: Path) -> None:
    """Before signing: invalid. After it, without a time stamp: not enough to know."""
    before = authority.crl((person, NOW - timedelta(days=1)))
    found = check(signed, crls=[before])
    assert found.verdict is VerdictClass.INVALID
    assert "Chứng thư số đã bị thu hồi." in found.signatures[0].sentences
    after = authority.crl((person, NOW + timedelta(hours=1)))
    found = check(signed, crls=[after])
    assert found.verdict is VerdictClass.INDETERMINATE
    assert found.signatures[0].revoked_at == NOW + timedelta(hours=1)
    later_than_check = authority.crl((person, LATER + timedelta(days=1)), at=LATER)
    assert check(signed, crls=[later_than_check]).verdict is VerdictClass.VALID


HOLD = x509.ReasonFlags.certificate_hold


def test_on_hold_is_neither_good_nor_revoked(
    check: Check, authority: Authority, person: Identity, signed: Path
) -> None:
    """Nobody can say yet; once the newest list has it no more, it never was on hold."""
    held = authority.crl((person, NOW - timedelta(days=1)), reason=HOLD)
    found = check(signed, crls=[held])
    assert found.verdict is VerdictClass.INDETERMINATE
    assert found.signatures[0].revocation is RevocationState.SUSPENDED
    assert found.signatures[0].sentences[0].startswith("Chứng thư số đang bị tạm dừng")
    released = authority.crl(at=NOW + timedelta(hours=1))
    for crls in ([held, released], [released, held]):
        assert check(signed, crls=crls).verdict is VerdictClass.VALID
    revoked = authority.crl((person, NOW - timedelta(days=1)), at=NOW + timedelta(hours=1))
    assert check(signed, crls=[held, revoked]).verdict is VerdictClass.INVALID


def test_the_list_of_another_shard_proves_nothing(
    check: Check, authority: Authority, signed: Path
) -> None:
    """It does not have the certificate, as it has none of the others'."""
    other = authority.crl(only="http://ca.example/pki/crl/7.crl")
    found = check(signed, crls=[other])
    assert found.verdict is VerdictClass.INDETERMINATE
    assert found.signatures[0].revocation is RevocationState.UNKNOWN
    assert check(signed, crls=[other, authority.crl()]).verdict is VerdictClass.VALID


def stamped(authority: Authority, person: Identity, out: Path) -> Path:
    """A B-T signature made by pyHanko alone, with a time stamp of a TSA under the same root."""
    key = rsa.generate_private_key(65537, 2048)
    stamper = authority.person(
        "TSA",
        key=key,
        extended=(ExtendedKeyUsageOID.TIME_STAMPING,),
        usage=key_usage(digital_signature=True),
    )
    store = SimpleCertificateStore.from_certs([asn1_of(authority.issuing)])
    signer = signers.SimpleSigner(
        signing_cert=asn1_of(person), signing_key=private_of(person), cert_registry=store
    )
    tsa = DummyTimeStamper(
        tsa_cert=asn1_of(stamper),
        tsa_key=private_of(stamper),
        certs_to_embed=store,
        fixed_dt=NOW,
    )
    meta = signers.PdfSignatureMetadata(
        field_name="S", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256"
    )
    with (PDF / "quyet_dinh.pdf").open("rb") as source, out.open("wb") as file:
        writer = IncrementalPdfFileWriter(source, strict=False)
        pdf_signer = signers.PdfSigner(meta, signer, timestamper=tsa)
        asyncio.run(pdf_signer.async_sign_pdf(writer, output=file))
    return out


def asn1_of(identity: Identity) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(identity.der)


def private_of(identity: Identity) -> asn1_keys.PrivateKeyInfo:
    encoded = identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return asn1_keys.PrivateKeyInfo.load(encoded)


def test_a_time_stamp_proves_the_when(
    check: Check, authority: Authority, person: Identity, tmp_path: Path
) -> None:
    """With one, later revocation and expiry do no harm, and earlier revocation still does."""
    path = stamped(authority, person, tmp_path / "x.pdf")
    found = check(path)
    assert (found.verdict, found.signatures[0].time_source) == (VerdictClass.VALID, "timestamp")
    assert found.signatures[0].signed_at == NOW
    later = NOW + timedelta(days=5)
    revoked = authority.crl((person, NOW + timedelta(days=1)), at=later)
    assert check(path, at=later, crls=[revoked]).verdict is VerdictClass.VALID
    revoked = authority.crl((person, NOW - timedelta(days=1)), at=later)
    assert check(path, at=later, crls=[revoked]).verdict is VerdictClass.INVALID
    held = authority.crl((person, NOW + timedelta(days=1)), at=later, reason=HOLD)
    assert check(path, at=later, crls=[held]).verdict is VerdictClass.VALID
    held = authority.crl((person, NOW - timedelta(days=1)), at=later, reason=HOLD)
    assert check(path, at=later, crls=[held]).verdict is VerdictClass.INDETERMINATE
    expired = NOW + timedelta(days=690)
    assert check(path, at=expired, crls=[authority.crl(at=expired)]).verdict is VerdictClass.VALID
    untrusted = check(path, trust_roots=[])
    assert untrusted.signatures[0].time_source == "claimed"
    assert "Dấu thời gian không hợp lệ." in untrusted.signatures[0].sentences


def test_lists_that_do_not_count(
    check: Check, authority: Authority, person: Identity, signed: Path
) -> None:
    """None, another issuer's, a forged one, rubbish, one that ran out: no information."""
    other = Authority()
    forged = Identity(other.issuing.key, authority.issuing.certificate)
    lists = {
        "none": [],
        "the root's": [authority.crl(issuer=authority.root)],
        "another issuer's": [other.crl()],
        "forged": [authority.crl(issuer=forged)],
        "rubbish": [b"\x30\x00", b""],
        "run out": [authority.crl(at=NOW - timedelta(days=30))],
    }
    for case, crls in lists.items():
        found = check(signed, crls=crls)
        assert found.verdict is VerdictClass.INDETERMINATE, case
    assert "quá hạn" in " ".join(check(signed, crls=lists["run out"]).signatures[0].sentences)
    forged_accusation = authority.crl((person, NOW - timedelta(days=1)), issuer=forged)
    good = check(signed, crls=[forged_accusation, authority.crl()])
    assert good.verdict is VerdictClass.VALID


def test_a_revoked_ca_spoils_all_it_issued(
    check: Check, authority: Authority, signed: Path
) -> None:
    """Even an intermediate the operator chose."""
    lists = [
        authority.crl(),
        authority.crl((authority.issuing, NOW - timedelta(days=1)), issuer=authority.root),
    ]
    found = check(signed, crls=lists)
    assert found.verdict is VerdictClass.INVALID
    assert "Chứng thư số CA đã bị thu hồi." in found.signatures[0].sentences


def test_a_leaf_is_no_ca(
    sign: Sign, check: Check, authority: Authority, person: Identity, tmp_path: Path
) -> None:
    """A certificate issued with an official's key leads nowhere."""
    forger = authority.person("Kẻ giả mạo", issuer=person)
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=forger, chain_der=(person.der,))
    found = check(tmp_path / "x.pdf")
    assert found.verdict is not VerdictClass.VALID
    assert found.signatures[0].path is not PathState.TRUSTED


def test_a_swapped_certificate_is_found(
    sign: Sign, check: Check, authority: Authority, tmp_path: Path
) -> None:
    """Another certificate for the same key is not the one that was signed with (RFC 5035)."""
    key = ec.generate_private_key(ec.SECP256R1())
    first, second = authority.person("A", key=key), authority.person("A", key=key)
    sign(PDF / "quyet_dinh.pdf", tmp_path / "x.pdf", who=first, chain_der=())
    data = (tmp_path / "x.pdf").read_bytes()
    old, new = first.der.hex().encode(), second.der.hex().encode()
    if len(old) == len(new):
        (tmp_path / "x.pdf").write_bytes(data.replace(old, new))
        assert check(tmp_path / "x.pdf").verdict is VerdictClass.INVALID


def test_files_that_cannot_be_read(check: Check, signed: Path, tmp_path: Path) -> None:
    """No PDF is an error of the caller; a broken or locked one has a verdict."""
    with pytest.raises(Invalid, match="Không tìm thấy"):
        check(tmp_path / "missing.pdf")
    path = tmp_path / "x.pdf"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(Invalid, match="không phải"):
        check(path)
    path.write_bytes(signed.read_bytes()[:60_000])
    assert check(path).verdict is VerdictClass.INDETERMINATE
    with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
        document.save(path, encryption=pikepdf.Encryption(owner="x", user="y"))
    found = check(path)
    assert (found.verdict, "mật khẩu" in found.sentence) == (VerdictClass.INDETERMINATE, True)


def test_a_signature_that_is_none(check: Check, tmp_path: Path) -> None:
    """A field filled with rubbish is a broken signature, not an accident."""

    def build(**entries: object) -> Path:
        with pikepdf.open(PDF / "quyet_dinh.pdf") as document:
            value = document.make_indirect(pikepdf.Dictionary(**entries))
            field = document.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="x", V=value))
            document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
            document.save(tmp_path / "x.pdf")
        return tmp_path / "x.pdf"

    cases: list[dict[str, object]] = [
        {},
        {"ByteRange": pikepdf.Array([0, 1, 2, 3])},
        {"ByteRange": pikepdf.Array([0, 1, 2, 3]), "Contents": pikepdf.String(b"\x30\x03\x02\x01")},
        {"ByteRange": pikepdf.Array([]), "Contents": pikepdf.String(b"\x00" * 100)},
    ]
    for entries in cases:
        found = check(build(**entries))
        assert found.verdict is VerdictClass.INVALID
        assert found.signatures[0].integrity is Integrity.BROKEN


def indefinite(element: bytes) -> bytes:
    """The element and its first children with lengths of the indefinite form (X.690, 8.1.3.6)."""
    parts = b"".join(part for _, part in der.children(element))
    return element[:1] + b"\x80" + parts + b"\x00\x00"


def test_a_signature_in_ber(check: Check, signed: Path, tmp_path: Path) -> None:
    """RFC 5652 allows it: what is signed is the DER of the attributes."""
    with pikepdf.open(signed) as document:
        value = document.Root.AcroForm.Fields[0].V
        contents, ranges = bytes(value.Contents).rstrip(b"\x00"), [int(n) for n in value.ByteRange]
    (_, kind), (_, wrapped) = der.children(contents)
    inner = indefinite(der.children(wrapped)[0][1])
    written = b"\x30\x80" + kind + b"\xa0\x80" + inner + b"\x00\x00" * 2
    data, room = signed.read_bytes(), ranges[2] - ranges[1] - 2
    # Five lengths of three or four octets became one octet and two at the end: no longer.
    assert len(written) * 2 <= room
    gap = b"<" + written.hex().encode().ljust(room, b"0") + b">"
    out = tmp_path / "x.pdf"
    out.write_bytes(data[: ranges[1]] + gap + data[ranges[2] :])
    assert check(out).verdict is VerdictClass.VALID
    deep = b"\x30\x80" * ((room - 2) // 4)
    out.write_bytes(
        data[: ranges[1]] + b"<" + deep.hex().encode().ljust(room, b"0") + b">" + data[ranges[2] :]
    )
    assert check(out).signatures[0].integrity is Integrity.BROKEN


def test_rubbish_from_the_operator(check: Check, signed: Path) -> None:
    """A trust root that is none is the operator's mistake and is said to be one."""
    with pytest.raises(Invalid, match="danh sách tin cậy"):
        check(signed, trust_roots=[b"\x30\x00"])
