"""A fake of the government's two hierarchies, with their names (domain.md 2.1, 2.2)."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from signer.ca import der

OIDS = {
    "C": NameOID.COUNTRY_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
    "T": NameOID.TITLE,
    "E": NameOID.EMAIL_ADDRESS,
}
CITY = "ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"
G1_NAMES = (
    "Co quan chung thuc so chuyen dung Chinh phu (RootCA)",
    "Co quan chung thuc so Chinh phu",
)
G2_NAMES = ("RootCA chuyên dùng Chính phủ G2", "CA phục vụ các cơ quan Nhà nước G2")
OCSP_ADDRESS = "http://ocsp.ca.ptc"
Pair = tuple[str, str]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def dn(*pairs: Pair, kind: _ASN1Type | None = None) -> x509.Name:
    """A name with these attributes in this order, in one string type if it is given."""
    return x509.Name(
        [
            x509.NameAttribute(
                OIDS[label], value, _type=None if label in ("C", "E") else kind, _validate=False
            )
            for label, value in pairs
        ]
    )


def person_dn(
    name: str, email: str | None = "a@hanoi.gov.vn", *units: str, city: str = CITY
) -> tuple[Pair, ...]:
    """The pattern of a person's certificate, the highest unit first."""
    pairs = [("C", "VN"), ("L", "Hà Nội"), ("O", city), *(("OU", unit) for unit in units)]
    return (*pairs, ("CN", name), *((("E", email),) if email else ()))


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """Made once a process: keys of 2048 bits take their time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class FakeCa:
    """One CA with its key: certificates, lists and answers as the real one would make them."""

    name: x509.Name
    key: Key
    certificate: x509.Certificate
    digest: HashAlgorithm
    revoked: dict[int, tuple[datetime, x509.ReasonFlags | None]] = field(default_factory=dict)
    serial: int = 0x7AF2DF5218265300

    def certify(
        self,
        subject: x509.Name | Sequence[Pair],
        *,
        at: datetime = datetime(2025, 3, 13, tzinfo=UTC),
        until: datetime | None = None,
        serial: int | None = None,
        san_email: str | None = None,
        usage: bool = True,
        ocsp_address: str = OCSP_ADDRESS,
        ca: bool = False,
        key: Key | None = None,
        digest: HashAlgorithm | None = None,
        responder: bool = False,
        extension: x509.ExtensionType | None = None,
    ) -> x509.Certificate:
        """A leaf (or a CA) with exactly this subject; five years less a day unless told."""
        self.serial += 1
        named = subject if isinstance(subject, x509.Name) else dn(*subject)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named)
            .issuer_name(self.name)
            .public_key((key or _leaf_key()).public_key())
            .serial_number(serial or self.serial)
            .not_valid_before(at)
            .not_valid_after(until or at + timedelta(days=5 * 365))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityInformationAccess(
                    [
                        x509.AccessDescription(
                            AuthorityInformationAccessOID.OCSP,
                            x509.UniformResourceIdentifier(ocsp_address),
                        )
                    ]
                ),
                critical=False,
            )
        )
        if usage:
            builder = builder.add_extension(_usage(ca), critical=True)
        if responder:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
            builder = builder.add_extension(purpose, critical=False)
        if extension is not None:
            builder = builder.add_extension(extension, critical=False)
        if san_email:
            names = x509.SubjectAlternativeName([x509.RFC822Name(san_email)])
            builder = builder.add_extension(names, critical=False)
        if isinstance(digest or self.digest, SHA1):
            made = builder.sign(self.key, SHA256()).public_bytes(Encoding.DER)
            return x509.load_der_x509_certificate(_with_sha1(made, self.key))
        return builder.sign(self.key, digest or self.digest)

    def crl(
        self,
        at: datetime,
        *,
        days: int = 7,
        number: int = 1,
        extension: x509.ExtensionType | None = None,
        key: Key | None = None,
    ) -> bytes:
        """The complete list of what is revoked."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(at)
            .next_update(at + timedelta(days=days))
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
        for serial, (since, reason) in self.revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            if reason is not None:
                entry = entry.add_extension(x509.CRLReason(reason), critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        made = builder.sign(key or self.key, SHA256()).public_bytes(Encoding.DER)
        return _with_sha1(made, key or self.key) if isinstance(self.digest, SHA1) else made

    def answer(
        self,
        request_der: bytes,
        at: datetime,
        *,
        responder: tuple[x509.Certificate, Key] | None = None,
        unknown: bool = False,
        days: int = 1,
    ) -> bytes:
        """The OCSP answer for the certificate that the request names."""
        request = ocsp.load_der_ocsp_request(request_der)
        since, reason = self.revoked.get(request.serial_number, (None, None))
        signer, key = responder or (self.certificate, self.key)
        status = ocsp.OCSPCertStatus.GOOD
        if unknown:
            status = ocsp.OCSPCertStatus.UNKNOWN
        elif since is not None:
            status = ocsp.OCSPCertStatus.REVOKED
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=request.issuer_name_hash,
                issuer_key_hash=request.issuer_key_hash,
                serial_number=request.serial_number,
                algorithm=SHA1(),
                cert_status=status,
                this_update=at,
                next_update=at + timedelta(days=days),
                revocation_time=None if unknown else since,
                revocation_reason=None if unknown else reason,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        )
        if responder:
            builder = builder.certificates([signer])
        return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Generation:
    """A root and the subordinate CA that issues to officials."""

    root: FakeCa
    sub: FakeCa


def fake_g1() -> Generation:
    """2010-2030, RSA 2048 with SHA-1, names without diacritics."""
    return _generation(
        *G1_NAMES,
        organisation="Ban Co yeu Chinh phu",
        begins=datetime(2010, 3, 10, tzinfo=UTC),
        ends=datetime(2030, 3, 5, tzinfo=UTC),
        digest=SHA1(),
        keys=(rsa_key(1), rsa_key(2)),
    )


def fake_g2(*, curve: bool = False) -> Generation:
    """2018-2048, SHA-256; with ECDSA keys when asked."""
    keys: tuple[Key, Key] = (rsa_key(3), rsa_key(4))
    if curve:
        keys = (ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1()))
    return _generation(
        *G2_NAMES,
        organisation="Ban Cơ yếu Chính phủ",
        begins=datetime(2018, 8, 22, tzinfo=UTC),
        ends=datetime(2048, 8, 14, tzinfo=UTC),
        digest=SHA256(),
        keys=keys,
    )


def write_anchors(
    folder: Path,
    *,
    g2: Generation,
    g1: Generation | None = None,
    counts: bool = True,
    extra: str = "",
) -> None:
    """The folder holds anchors.toml with the generations' CAs and their pins."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [extra]
    for name, ca, role, generation in [
        ("VGCA G2 gốc", g2.root, "root", "G2"),
        ("VGCA G2", g2.sub, "sub", "G2"),
        *([("VGCA G1 gốc", g1.root, "root", "G1"), ("VGCA G1", g1.sub, "sub", "G1")] if g1 else []),
    ]:
        content = ca.certificate.public_bytes(Encoding.DER)
        file = f"{generation}-{role}.crt".lower()
        (folder / file).write_bytes(content)
        lines += [
            "[[anchor]]",
            f'file = "{file}"',
            f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
            f'name = "{name}"',
            f'generation = "{generation}"',
            f'role = "{role}"',
            f"counts = {str(counts).lower()}",
            *(["allow_sha1 = true"] if generation == "G1" else []),
        ]
    (folder / "anchors.toml").write_text("\n".join(lines), encoding="utf-8")


def forged(ca: FakeCa) -> FakeCa:
    """Another key under the CA's own name."""
    return FakeCa(name=ca.name, key=rsa_key(9), certificate=ca.certificate, digest=SHA256())


def raw_name(*attributes: tuple[str, int, bytes]) -> bytes:
    """A Name of any string types and bytes, as (label, tag, content)."""
    return der.tlv(
        der.SEQUENCE,
        *(
            der.tlv(
                der.SET,
                der.tlv(der.SEQUENCE, der.oid(OIDS[label].dotted_string), der.tlv(tag, content)),
            )
            for label, tag, content in attributes
        ),
    )


@contextmanager
def responder_at(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """An HTTP server on this machine that answers each POST so; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, content = answer(body)
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", content.decode())
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing: the test judges what was asked."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _generation(
    root_name: str,
    sub_name: str,
    *,
    organisation: str,
    begins: datetime,
    ends: datetime,
    digest: HashAlgorithm,
    keys: tuple[Key, Key],
) -> Generation:
    names = [dn(("C", "VN"), ("O", organisation), ("CN", cn)) for cn in (root_name, sub_name)]
    root = FakeCa(name=names[0], key=keys[0], certificate=None, digest=digest)  # type: ignore[arg-type]  # itself, next line
    root.certificate = root.certify(names[0], at=begins, until=ends, ca=True, key=keys[0])
    sub_certificate = root.certify(names[1], at=begins, until=ends, ca=True, key=keys[1])
    return Generation(
        root=root,
        sub=FakeCa(name=names[1], key=keys[1], certificate=sub_certificate, digest=digest),
    )


@cache
def _leaf_key() -> rsa.RSAPrivateKey:
    return rsa_key(5)


def _with_sha1(made: bytes, key: Key) -> bytes:
    """The same certificate or list, signed as the first generation did; no builder makes it."""
    assert isinstance(key, rsa.RSAPrivateKey)
    (_, tbs), (_, algorithm), _ = der.children(made)
    weak = algorithm.replace(der.oid("1.2.840.113549.1.1.11"), der.oid("1.2.840.113549.1.1.5"))
    tbs = tbs.replace(algorithm, weak, 1)
    signature = key.sign(tbs, padding.PKCS1v15(), SHA1())  # that is the point
    return der.tlv(der.SEQUENCE, tbs, weak, der.tlv(der.BIT_STRING, b"\x00", signature))


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=not ca,
        data_encipherment=not ca,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
