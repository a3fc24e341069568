"""Questions to the OCSP responder, and an OCSP signer in the ledger."""

import hashlib

from asn1crypto import ocsp as asn1
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.ca import Authority, IssuedCertificate
from signer.ca.roles import RoleKey, RoleSigner
from tests.ca.factory import facts, public_key_der


def ocsp_signer(authority: Authority, key: RoleKey, intent: str = "role:ocsp") -> RoleSigner:
    """A signer whose certificate the authority issued, as the ceremony has it made."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    made = authority.issue(
        intent=intent,
        subject=facts(common_name="Dịch vụ OCSP", units=(), email=None),
        public_key_der=spki,
        profile="ocsp-signer",
        actor="system",
    )
    return RoleSigner(key=key, certificate=x509.load_der_x509_certificate(made.der))


def issue(authority: Authority, intent: str = "signing-key-1") -> IssuedCertificate:
    """A person's certificate."""
    return authority.issue(
        intent=intent, subject=facts(), public_key_der=public_key_der(), actor="system"
    )


def asked(
    issuer: x509.Certificate, *serials: int, algorithm: str = "sha1", nonce: bytes | None = None
) -> asn1.OCSPRequest:
    """A good request for these serials; a test spoils one field."""
    certificate = asn1_x509.Certificate.load(issuer.public_bytes(Encoding.DER))
    name_der = certificate.subject.dump()
    key = bytes(certificate.public_key["public_key"])
    requests = [
        {
            "req_cert": {
                "hash_algorithm": {"algorithm": algorithm},
                "issuer_name_hash": hashlib.new(algorithm, name_der).digest(),
                "issuer_key_hash": hashlib.new(algorithm, key).digest(),
                "serial_number": serial,
            }
        }
        for serial in serials
    ]
    tbs: dict[str, object] = {"request_list": requests}
    if nonce is not None:
        tbs["request_extensions"] = [{"extn_id": "nonce", "extn_value": nonce}]
    return asn1.OCSPRequest({"tbs_request": tbs})
