"""The slow way, pyHanko's own signer over our keys and our stamps, and the fast way compared."""

import asyncio
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signer.signing.geometry import Slot
from signer.signing.levels import Level
from signer.signing.pdf import prepare_fields
from signer.signing.pdf_objects import entry_of
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, PDF, Authority, Identity, Sign
from tests.signing.lasting import Lasting
from tests.signing.test_pdf import BOX

OURS_ALONE = {"cms_algorithm_protection"}
"""RFC 6211: both algorithms are signed too, which stock pyHanko leaves to the caller."""
KEPT_OUT = {"/VRI"}
"""Optional (EN 319 142-1, 5.4.2.2), and nothing reads it."""


class _OurStamps(timestamps.TimeStamper):
    """pyHanko's client, answered by our authority in the process."""

    def __init__(self, lasting: Lasting) -> None:
        super().__init__()
        self._lasting = lasting

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._lasting.stamper.answer(req.dump()))


def certificate(der: bytes) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(der)


def stock(
    source: Path, output: Path, level: Level, who: Identity, lasting: Lasting, field: str,
    *, permission: fields.MDPPerm | None = None,
) -> None:  # fmt: skip
    """The document signed with nothing of ours but keys, certificates, answers and tokens."""
    authority, now = lasting.authority, lasting.clock.now()
    key = who.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=certificate(who.der),
        signing_key=asn1_keys.PrivateKeyInfo.load(key),
        cert_registry=SimpleCertificateStore.from_certs([certificate(authority.issuing.der)]),
    )
    answers = [
        asn1_ocsp.OCSPResponse.load(lasting.answer(one.certificate.serial_number, now))
        for one in (who, lasting.tsa)
    ]
    context = ValidationContext(
        trust_roots=[certificate(authority.root.der)],
        other_certs=[certificate(authority.issuing.der), certificate(lasting.responder.der)],
        ocsps=answers,
        crls=[asn1_crl.CertificateList.load(lasting.root_list)],
        moment=now, allow_fetching=False, revocation_mode="hard-fail",
    )  # fmt: skip
    metadata = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha256",
        name="Trần Thị B",
        reason="Ký duyệt",
        subfilter=fields.SigSeedSubFilter.PADES,
        embed_validation_info=level.has_material,
        use_pades_lta=level is Level.B_LTA,
        validation_context=context if level.has_material else None,
        certify=permission is not None,
        docmdp_permissions=permission or fields.MDPPerm.FILL_FORMS,
    )
    pdf_signer = signers.PdfSigner(
        metadata, signer, timestamper=_OurStamps(lasting) if level.has_stamp else None
    )
    with source.open("rb") as file:
        writer = IncrementalPdfFileWriter(io.BytesIO(file.read()), strict=False)
    made = asyncio.run(pdf_signer.async_sign_pdf(writer))
    output.write_bytes(made.getvalue())


def told(path: Path) -> dict[str, Any]:
    """All that the two ways must have in common, in comparable form."""
    with path.open("rb") as file:
        reader = PdfFileReader(file)
        signatures = [_signature(embedded) for embedded in reader.embedded_signatures]
        store = entry_of(reader.root, "/DSS")
        return {
            "signatures": signatures,
            "store": None if store is None else set(store.keys()) - KEPT_OUT - {"/Type"},
            "held": None if store is None else _held(reader),
            "certified": "/Perms" in reader.root,
            "flags": int(reader.root["/AcroForm"]["/SigFlags"]),
        }


def _held(reader: PdfFileReader) -> dict[str, set[bytes]]:
    store = DocumentSecurityStore.read_dss(reader)
    return {
        "certificates": {one.dump() for one in store.load_certs()},
        "crls": {one.get_object().data for one in store.crls},
        "answers": {one.get_object().data for one in store.ocsps},
    }


def _signature(embedded: Any) -> dict[str, Any]:
    dictionary, signer = embedded.sig_object, embedded.signer_info
    is_stamp = dictionary["/Type"] == "/DocTimeStamp"
    signed = {one["type"].native: one["values"].native for one in signer["signed_attrs"]}
    unsigned = signer["unsigned_attrs"] or asn1_cms.CMSAttributes([])
    for changing in ("message_digest", "signing_time"):
        signed.pop(changing, None)
    return {
        "entries": {
            key: str(value)
            for key, value in dictionary.items()
            if key not in ("/Contents", "/ByteRange", "/M", "/Prop_Build", "/Reference")
        },
        "keys": set(dictionary.keys()) - {"/Prop_Build"},
        "signed": "token" if is_stamp else {k: v for k, v in signed.items() if k not in OURS_ALONE},
        "unsigned": [one["type"].native for one in unsigned],
        "algorithms": (
            signer["digest_algorithm"]["algorithm"].native,
            signer["signature_algorithm"]["algorithm"].native,
        ),
        "certificates": {
            hashlib.sha256(one.chosen.dump()).hexdigest()
            for one in embedded.signed_data["certificates"]
        },
        "field": "" if is_stamp else embedded.field_name,
        # stock stores what proves its stamp behind the stamp, which then no longer covers the file
        "covers": "" if is_stamp else str(embedded.evaluate_signature_coverage()),
    }


@pytest.mark.parametrize("certify", [False, True])
@pytest.mark.parametrize("level", list(Level))
def test_same_as_the_slow_way(
    sign: Sign, authority: Authority, tmp_path: Path, level: Level, certify: bool
) -> None:
    """Attributes, dictionary entries, store, stamps, locks: pyHanko makes the very same."""
    clock = StandingClock(NOW)
    lasting = Lasting(authority, clock)
    who = lasting.certified("Trần Thị B", days=(-30, 700))
    source, ours, theirs = (tmp_path / f"{name}.pdf" for name in ("in", "ours", "theirs"))
    prepare_fields(PDF / "quyet_dinh.pdf", source, [Slot(name="Ky", page=1, box=BOX)])
    sign(
        source, ours, level=level, stamper=lasting.stamper, material=lasting.material(who),
        who=who, field_name="Ky", box=None, certify=certify, reason="Ký duyệt",
    )  # fmt: skip
    permission = fields.MDPPerm.FILL_FORMS if certify else None
    stock(source, theirs, level, who, lasting, "Ky", permission=permission)
    fast, slow = told(ours), told(theirs)
    if level.has_material:
        # the slow way asks once for the whole, and keeps no root that everybody is said to have
        assert fast["held"]["certificates"] >= slow["held"]["certificates"]
        assert fast["held"]["crls"] == slow["held"]["crls"]
        assert fast["held"]["answers"] == slow["held"]["answers"]
    del fast["held"], slow["held"]
    assert fast == slow
