"""In the sandbox: every signature of a PDF examined; answers in codes, sentences are elsewhere."""

import asyncio
import hashlib
import io
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import collect_timing_info, validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signer.signing.chain import (
    WEAK_DIGESTS,
    Trust,
    loaded,
    may_sign_documents,
    path_of,
    path_state,
)
from signer.signing.pdf_task import entry_of
from signer.signing.revocation import RevocationState, revocation_of


@dataclass
class _Facts:
    """What is found out about one signature, step by step."""

    field_name: str
    outcome: str = "indeterminate"
    signer: str = ""
    unit: str = ""
    organisation: str = ""
    email: str = ""
    issuer: str = ""
    serial_hex: str = ""
    certificate_sha256: str = ""
    signed_at: str | None = None
    time_source: str = "none"
    integrity: str = "broken"
    coverage_after: str = "unclear"
    path: str = "unchecked"
    revocation: str = "unknown"
    revoked_at: str | None = None
    findings: list[str] = field(default_factory=list)


def validate(
    *, path: str, roots: int, intermediates: int, at: str, blobs: tuple[bytes, ...] = ()
) -> dict[str, Any]:
    """The facts of `validation.Verdict` as JSON."""
    trust = Trust(
        list(blobs[:roots]),
        list(blobs[roots : roots + intermediates]),
        list(blobs[roots + intermediates :]),
        datetime.fromisoformat(at),
    )
    with Path(path).open("rb") as stream:
        try:
            reader = PdfFileReader(stream, strict=False)
            if reader.encrypted:
                return {"unreadable": "encrypted"}
            fields = [
                (str(name), reference)
                for name, value, reference in enumerate_sig_fields(reader, filled_status=True)
                if value is not None
            ]
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # what a parser meets in a damaged file is undocumented
            return {"unreadable": "damaged"}
        found = [_examined(reader, name, reference, trust) for name, reference in fields]
    found.sort(key=lambda entry: entry[0])
    return {"signatures": [asdict(facts) for _, facts in found]}


def _examined(reader: Any, name: str, reference: Any, trust: Trust) -> tuple[int, _Facts]:
    """(end of the signed bytes, facts); an unreadable signature is a broken one."""
    facts = _Facts(field_name=name)
    end = 0
    try:
        signature = EmbeddedPdfSignature(reader, reference.get_object(), name)
        _, _, start, length = (int(value) for value in signature.byte_range)
        end = start + length
        asyncio.run(_examine(signature, facts, trust))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  # a forged structure can raise anything
        facts.integrity, facts.outcome = "broken", "invalid"
        facts.findings.insert(0, "broken")
    return end, facts


async def _examine(signature: Any, facts: _Facts, trust: Trust) -> None:
    """The steps of EN 319 102-1, 5.2 and 5.3, in its order; the first decisive finding stands."""
    is_stamp = str(entry_of(signature.sig_object, "/Type", "/Sig")) == "/DocTimeStamp"
    _describe(signature.signer_cert, facts)
    if not _check_integrity(signature, facts, is_stamp):
        facts.outcome = "invalid"
        return
    weak = _is_weak(signature)
    await _find_time(signature, facts, trust, is_stamp)
    good_path = await _check_path(signature, facts, trust, is_stamp)
    verdicts = [good_path]
    if facts.path in ("trusted", "expired"):
        verdicts.append(await _check_revocation(signature, facts, trust))
    if weak:
        facts.findings.insert(0, "weak")
        verdicts.append("indeterminate")
    if facts.coverage_after == "changed":
        verdicts.append("invalid")
    elif facts.coverage_after == "unclear":
        verdicts.append("indeterminate")
    facts.outcome = next(v for v in ("invalid", "indeterminate", "valid") if v in verdicts)


def _describe(certificate: Any, facts: _Facts) -> None:
    names: dict[str, list[str]] = {}
    for rdn in certificate.subject.chosen:
        for pair in rdn:
            names.setdefault(pair["type"].native, []).append(str(pair["value"].native))
    facts.signer = ", ".join(names.get("common_name", ()))
    facts.unit = ", ".join(names.get("organizational_unit_name", ()))
    facts.organisation = ", ".join(names.get("organization_name", ()))
    facts.email = ", ".join(names.get("email_address", ()))
    if not facts.email and certificate.subject_alt_name_value is not None:
        facts.email = ", ".join(
            str(name.native)
            for name in certificate.subject_alt_name_value
            if name.name == "rfc822_name"
        )
    issuer = certificate.issuer.native
    facts.issuer = str(issuer.get("common_name") or issuer.get("organization_name") or "")
    facts.serial_hex = f"{certificate.serial_number:X}"
    facts.certificate_sha256 = hashlib.sha256(certificate.dump()).hexdigest()


def _check_integrity(signature: Any, facts: _Facts, is_stamp: bool) -> bool:
    """The signature verifies over the signed bytes; fills integrity and what came after."""
    if is_stamp:
        imprint = (
            signature.signed_data["encap_content_info"]["content"]
            .parsed["message_imprint"]["hashed_message"]
            .native
        )
        encapsulated = signature.signed_data["encap_content_info"]["content"]
        digest = hashlib.new(signature.md_algorithm, bytes(encapsulated)).digest()
        same = imprint == signature.compute_digest()
    else:
        digest, same = signature.compute_digest(), True
    intact, verifies = validate_sig_integrity(
        signature.signer_info,
        signature.signer_cert,
        expected_content_type="tst_info" if is_stamp else "data",
        actual_digest=digest,
    )
    signature.compute_integrity_info()
    summary = signature.summarise_integrity_info()
    facts.coverage_after = _coverage(signature, summary)
    if not verifies:
        facts.integrity = "broken"
        facts.findings.append("broken")
        return False
    if not (intact and same):
        facts.integrity, facts.coverage_after = "altered", "changed"
        facts.findings.append("changed")
        return False
    facts.integrity = "intact"
    facts.findings.append(
        {"nothing": "unchanged", "permitted": "permitted", "changed": "changed"}.get(
            facts.coverage_after, "unclear"
        )
    )
    subfilter = str(entry_of(signature.sig_object, "/SubFilter", ""))
    if subfilter == "/ETSI.CAdES.detached" and not _names_certificate(signature):
        facts.findings.append("no_signing_certificate")
    return True


def _names_certificate(signature: Any) -> bool:
    kinds = {attribute["type"].native for attribute in signature.signer_info["signed_attrs"]}
    return bool(kinds & {"signing_certificate", "signing_certificate_v2"})


def _coverage(signature: Any, summary: dict[str, Any]) -> str:
    if not _gap_is_the_signature(signature):
        return "changed"
    if summary["coverage"] == SignatureCoverageLevel.ENTIRE_FILE:
        return "nothing"
    if summary["coverage"] != SignatureCoverageLevel.ENTIRE_REVISION:
        return "changed"
    if not _ends_properly(signature.reader, signature.signed_revision):
        return "changed"
    level = getattr(summary["diff_result"], "modification_level", ModificationLevel.OTHER)
    if summary["docmdp_ok"] is None:
        return "unclear"
    if not summary["docmdp_ok"] or level == ModificationLevel.OTHER:
        return "changed"
    return "permitted"


def _gap_is_the_signature(signature: Any) -> bool:
    """The one gap in the signed bytes holds this signature's value and nothing else."""
    ranges = [int(value) for value in signature.byte_range]
    if len(ranges) != 4 or ranges[0] != 0 or min(ranges) < 0:
        return False
    stream = signature.reader.stream
    stream.seek(ranges[1])
    gap = stream.read(max(0, ranges[2] - ranges[1]))
    if not (gap.startswith(b"<") and gap.endswith(b">")):
        return False
    try:
        return bytes.fromhex(gap[1:-1].decode("ascii")) == bytes(signature.pkcs7_content)
    except (ValueError, UnicodeDecodeError):
        return False


def _ends_properly(reader: Any, signed_revision: int) -> bool:
    """What follows the signed bytes is a real update and nothing stands after its end."""
    if reader.xrefs.total_revisions - 1 <= signed_revision:
        return False
    stream = reader.stream
    stream.seek(max(0, stream.seek(0, io.SEEK_END) - 1024))
    _, found, rest = stream.read().rpartition(b"%%EOF")
    return bool(found) and not rest.strip(b"\x00\t\n\x0c\r ")


def _is_weak(signature: Any) -> bool:
    """Below Circular 15/2025: SHA-1 or older, RSA under 2048 bits (R35)."""
    key = signature.signer_cert.public_key
    if key.algorithm in ("rsa", "rsassa_pss") and key.bit_size < 2048:
        return True
    algorithm = signature.signer_info["signature_algorithm"]
    try:
        digest = algorithm.hash_algo
    except ValueError:
        digest = signature.md_algorithm
    return bool({digest, signature.md_algorithm} & WEAK_DIGESTS)


async def _find_time(signature: Any, facts: _Facts, trust: Trust, is_stamp: bool) -> None:
    """The time stamp's time when there is a good one, else what the signer claims (R37)."""
    claimed = signature.self_reported_timestamp
    if claimed is not None and claimed.tzinfo is None:
        claimed = claimed.replace(tzinfo=UTC)
    if is_stamp:
        content = signature.signed_data["encap_content_info"]["content"].parsed
        facts.signed_at = content["gen_time"].native.isoformat()
        facts.time_source = "timestamp"
        return
    embedded = list(signature.other_embedded_certs)
    told = await collect_timing_info(
        signature.signer_info, trust.context(trust.at, embedded), signature.compute_digest
    )
    stamp = told.get("timestamp_validity")
    if stamp is not None and stamp.intact and stamp.valid and stamp.trusted:
        facts.signed_at, facts.time_source = stamp.timestamp.isoformat(), "timestamp"
        facts.findings.append("timestamp")
        ahead = claimed - stamp.timestamp if claimed is not None else timedelta()
        if timedelta(hours=6.5) <= ahead <= timedelta(hours=7.5):
            facts.findings.append("local_as_utc")
        return
    facts.findings.append("no_timestamp" if stamp is None else "bad_timestamp")
    if claimed is not None:
        facts.signed_at, facts.time_source = claimed.isoformat(), "claimed"
        if claimed > trust.at + timedelta(minutes=5):
            facts.findings.append("future")


async def _check_path(signature: Any, facts: _Facts, trust: Trust, is_stamp: bool) -> str:
    """The class the certification path allows; fills `path`."""
    certificate = signature.signer_cert
    if not may_sign_documents(certificate, is_stamp):
        facts.path = "wrong_usage"
        facts.findings.insert(0, "wrong_usage")
        return "invalid"
    signed_at = datetime.fromisoformat(facts.signed_at) if facts.signed_at else trust.at
    # With a time stamp the certificate must have been good then; without one, now (5.3).
    moment = signed_at if facts.time_source == "timestamp" else trust.at
    state = await path_state(signature, trust, moment)
    if state == "expired" and facts.time_source != "timestamp":
        then = await path_state(signature, trust, signed_at)
        if then == "trusted":  # OUT_OF_BOUNDS_NO_POE: nobody can prove when it was signed
            facts.path = "expired"
            facts.findings.insert(0, "expired")
            return "indeterminate"
    if state == "weak":
        facts.path = "invalid"
        facts.findings.insert(0, "weak")
        return "indeterminate"
    facts.path = state
    facts.findings.insert(
        0,
        {"expired": "expired_then", "invalid": "path_invalid"}.get(state, state),
    )
    if state == "trusted":
        if signed_at < certificate.not_valid_before:
            facts.path = "not_yet_valid"
            facts.findings[0] = "not_yet_valid"
            return "invalid"
        return "valid"
    return "indeterminate" if state == "untrusted" else "invalid"


async def _check_revocation(signature: Any, facts: _Facts, trust: Trust) -> str:
    """The class the lists allow, for the signer's certificate and those between it and the root."""
    signed_at = datetime.fromisoformat(facts.signed_at) if facts.signed_at else trust.at
    moment = trust.at if facts.path == "trusted" and facts.time_source != "timestamp" else signed_at
    path = await path_of(signature, trust, moment)
    chain = [loaded(found) for found in path.iter_certs(include_root=True)]
    for index, authority in enumerate(chain[1:-1]):
        issuer = chain[index]
        told = revocation_of(authority, issuer, trust.crls, trust.at)
        if told.state is RevocationState.REVOKED:
            facts.revocation = told.state
            facts.findings.insert(0, "ca_revoked")
            return "invalid"
        der = authority.public_bytes(Encoding.DER)
        is_pinned = _sha256(der) in trust.pinned and told.state is not RevocationState.SUSPENDED
        if told.state is not RevocationState.GOOD and not is_pinned:
            facts.findings.insert(0, "ca_unknown")
            return "indeterminate"
    told = revocation_of(
        chain[-1], chain[-2] if len(chain) > 1 else chain[-1], trust.crls, trust.at
    )
    facts.revocation = told.state
    if told.state is RevocationState.GOOD:
        facts.findings.append("not_revoked")
        return "valid"
    if told.state is RevocationState.SUSPENDED and told.revoked_at is not None:
        facts.revoked_at = told.revoked_at.isoformat()
        if facts.time_source == "timestamp" and signed_at < told.revoked_at:
            # Whatever comes of it, it will not count from before this day.
            facts.findings.append("suspended_after_stamp")
            return "valid"
        facts.findings.insert(0, "suspended")  # EN 319 102-1: TRY_LATER
        return "indeterminate"
    if told.state is not RevocationState.REVOKED or told.revoked_at is None:
        facts.findings.insert(
            0, "stale" if told.state is RevocationState.STALE else "no_revocation"
        )
        return "indeterminate"
    facts.revoked_at = told.revoked_at.isoformat()
    if told.revoked_at <= signed_at or facts.time_source == "none":
        facts.findings.insert(0, "revoked")
        return "invalid"
    if facts.time_source == "timestamp":
        facts.findings.append("revoked_after_stamp")
        return "valid"
    facts.findings.insert(0, "revoked_later")  # REVOKED_NO_POE
    return "indeterminate"


def _sha256(der: bytes) -> bytes:
    return hashlib.sha256(der).digest()
