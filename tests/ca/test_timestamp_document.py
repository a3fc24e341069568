"""A document signed with our time stamp, in pyHanko's eyes."""

import asyncio
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signer.ca.roles import RoleSigner
from signer.ca.timestamp import TimestampAuthority
from signer.pkcs11 import Hsm
from tests.ca.conftest import Keys
from tests.ca.factory import START
from tests.ca.hierarchies import Hierarchy
from tests.ca.stamping import KINDS, tsa_of, tsa_signers
from tests.clocks import StandingClock

DOCUMENT = Path(__file__).parents[1] / "data" / "pdf" / "quyet_dinh.pdf"


@pytest.fixture(scope="module")
def signers_by_kind(hsm: Hsm, ca_keys: Keys, hierarchy: Hierarchy) -> dict[str, RoleSigner]:
    return tsa_signers(hsm, ca_keys.issuing, hierarchy.issuing)


class OurStamper(TimeStamper):
    """pyHanko's client, asking us without a network between."""

    def __init__(self, tsa: TimestampAuthority) -> None:
        super().__init__()
        self._tsa = tsa

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._tsa.answer(req.dump()), strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_pyhanko_stamps_and_validates_a_signature(
    kind: str, signers_by_kind: dict[str, RoleSigner], hierarchy: Hierarchy, clock: StandingClock
) -> None:
    """A PAdES B-T signature whose stamp is ours: intact, valid and trusted through our root."""
    key, certificate = _self_signed()
    signer = signers.SimpleSigner(certificate, key, SimpleCertificateStore())
    out = BytesIO()
    asyncio.run(
        signers.async_sign_pdf(
            IncrementalPdfFileWriter(BytesIO(DOCUMENT.read_bytes())),
            PdfSignatureMetadata(
                field_name="ChuKy", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
            ),
            signer=signer,
            timestamper=OurStamper(tsa_of(signers_by_kind[kind], hierarchy, clock)),
            output=out,
        )
    )
    root = asn1_x509.Certificate.load(hierarchy.root.public_bytes(Encoding.DER))
    (embedded,) = PdfFileReader(out).embedded_regular_signatures
    status = asyncio.run(
        async_validate_pdf_signature(
            embedded,
            signer_validation_context=ValidationContext(
                trust_roots=[certificate], moment=START, revocation_mode="soft-fail"
            ),
            ts_validation_context=ValidationContext(
                trust_roots=[root], moment=START, revocation_mode="soft-fail"
            ),
        )
    )
    stamp = status.timestamp_validity
    assert (stamp.intact, stamp.valid, stamp.trusted) == (True, True, True)
    assert stamp.timestamp == START.replace(microsecond=0)
    assert status.intact
    assert status.valid


def _self_signed() -> tuple[keys.PrivateKeyInfo, asn1_x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trần Thị B")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1000)
        .not_valid_before(START - timedelta(days=1))
        .not_valid_after(START + timedelta(days=1))
        .sign(key, SHA256())
    )
    key_der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return (
        keys.PrivateKeyInfo.load(key_der),
        asn1_x509.Certificate.load(made.public_bytes(Encoding.DER)),
    )
