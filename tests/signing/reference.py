"""pyHanko as a second reader: its verdicts on what we made, now and in a simulated future."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.ades import ades_lta_validation, simulate_future_ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

from tests.signing.lasting import Lasting


def roots(*ders: bytes) -> list[asn1_x509.Certificate]:
    return [asn1_x509.Certificate.load(der) for der in ders]


def stock_faults(
    path: Path, root: bytes, intermediates: Sequence[bytes], at: datetime, only: str = ""
) -> list[str]:
    """What pyHanko finds wrong with each signature and stamp, or `only` with that field's, then."""
    faults: list[str] = []
    with path.open("rb") as file:
        reader = PdfFileReader(file, strict=False)
        for embedded in reader.embedded_signatures:
            if only not in ("", embedded.field_name):
                continue
            context = ValidationContext(
                trust_roots=roots(root), other_certs=roots(*intermediates), moment=at,
                allow_fetching=False, revocation_mode="soft-fail",
            )  # fmt: skip
            is_stamp = embedded.sig_object["/Type"] == "/DocTimeStamp"
            judge: Any = async_validate_pdf_timestamp if is_stamp else async_validate_pdf_signature
            if is_stamp:
                status = asyncio.run(judge(embedded, validation_context=context))
            else:
                status = asyncio.run(judge(embedded, signer_validation_context=context))
            is_good = status.valid and status.trusted if is_stamp else status.bottom_line
            if not is_good:
                faults.append(f"{embedded.field_name}: {status.summary()}")
    return faults


def _policy(
    root: bytes, crls: Sequence[bytes] = (), answers: Sequence[bytes] = ()
) -> PdfSignatureValidationSpec:
    knowledge = LocalKnowledge(
        known_crls=[CRLContainer(asn1_crl.CertificateList.load(der)) for der in crls],
        known_ocsps=[OCSPContainer(asn1_ocsp.OCSPResponse.load(der)) for der in answers],
    )
    return PdfSignatureValidationSpec(
        SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build(trust_roots=roots(root)),
                revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
            ),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                RevinfoOnlineFetchingRule.LOCAL_ONLY
            ),
            local_knowledge=knowledge,
        )
    )


def ades(path: Path, lasting: Lasting, at: datetime) -> list[str]:
    """The AdES subindication of each signature: OK when it passed.

    What a validator asks for on that day is at hand, the root's list and the TSA's state; about
    the signer, and for the moment of signing, the document alone has to speak.
    """
    root, tsa = lasting.authority.root, lasting.tsa.certificate
    policy = _policy(
        root.der,
        [lasting.authority.crl(issuer=root, at=at)],
        [lasting.answer(tsa.serial_number, at)],
    )
    timing = ValidationTimingInfo(
        validation_time=at, best_signature_time=at, point_in_time_validation=True
    )
    with path.open("rb") as file:
        return [
            _said(asyncio.run(ades_lta_validation(embedded, policy, timing_info=timing)))
            for embedded in PdfFileReader(file, strict=False).embedded_regular_signatures
        ]


def ades_in_future(path: Path, root: bytes, now: datetime, future: datetime) -> list[str]:
    """The same long after, were it stamped again and again until then."""
    with path.open("rb") as file:
        return [
            _said(
                asyncio.run(
                    simulate_future_ades_lta_validation(embedded, _policy(root), future, now)
                )
            )
            for embedded in PdfFileReader(file, strict=False).embedded_regular_signatures
        ]


def _said(result: Any) -> str:
    return str(getattr(result.ades_subindic, "standard_name", None) or result.ades_subindic)
