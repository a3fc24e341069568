"""In the sandbox: one signature examined, step by step."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.generic import parse_pdf_date

from signer.signing import cms_reader, signed_data
from signer.signing.chain import may_sign_documents, may_stamp
from signer.signing.coverage_task import Afterwards, Embedded
from signer.signing.past_task import Past, Stamp, is_weak, level_of
from signer.signing.pdf_task import entry_of, raw_items
from signer.signing.revocation import CLOCK_SKEW, Revocation, RevocationState
from signer.signing.signed_data import SignedData, Token


@dataclass
class Facts:
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
    signed_digest: str = ""
    signed_at: str | None = None
    time_source: str = "none"
    integrity: str = "broken"
    coverage_after: str = "unclear"
    path: str = "unchecked"
    revocation: str = "unknown"
    revoked_at: str | None = None
    kind: str = "signature"
    level: str = ""
    stamped_at: str | None = None
    stamp_authority: str = ""
    certified: bool = False
    ades: str = "FORMAT_FAILURE"
    """The subindication; empty when passed."""
    changes: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


class Examination:
    """The steps of EN 319 102-1, 5.2 to 5.6, for one signature; the first decisive one stands."""

    def __init__(
        self,
        past: Past,
        afterwards: Afterwards,
        facts: Facts,
        embedded: Embedded,
        data: SignedData,
        token: Token | None,
    ) -> None:
        """`token` is what a document time stamp is; `facts` are filled by `run`."""
        self.past = past
        self.afterwards = afterwards
        self.at = past.trust.at
        self.facts = facts
        self.embedded = embedded
        self.data = data
        self.token = token
        self.certificate = data.certificate
        self.revision = embedded.signed_revision
        self.moment = self.past.proven_at(self.revision)
        """When this signature was there at the latest."""
        self.claimed: datetime | None = None
        self.stamps: list[Stamp] = []
        self.chain: tuple[x509.Certificate, ...] = ()

    @property
    def is_proven(self) -> bool:
        return self.moment < self.at

    def run(self) -> None:
        """All facts but `changes` are known; a good document time stamp is one of the past's."""
        facts = self.facts
        _describe(self.certificate, facts)
        if self.data.attributes_der is not None:
            used = self.data.signed_with
            digest = signed_data.digest_of(used, self.data.attributes_der)
            facts.signed_digest = f"{used.name}:{digest.hex()}"
        facts.certified = _certifies(self.embedded.sig_object)
        if not self._check_integrity():
            facts.outcome = "invalid"
            return
        self._find_time()
        facts.ades = ""
        outcomes = [self._check_path()]
        if self.chain:
            outcomes.append(self._check_revocation())
        if is_weak(self.data):
            facts.findings.insert(0, "weak")
            outcomes.append(self._indeterminate("CRYPTO_CONSTRAINTS_FAILURE_NO_POE"))
        if self.token is not None and set(outcomes) == {"valid"}:
            self.past.stamps.append(
                Stamp(
                    at=self.token.at,
                    authority=facts.signer,
                    is_good=True,
                    problem="",
                    revision=self.revision,
                    chain=self.chain,
                )
            )
        if facts.coverage_after == "changed":
            outcomes.append("invalid")
            facts.ades = "FORMAT_FAILURE"  # what is seen is not what was signed
        elif facts.coverage_after == "unclear":
            outcomes.append(self._indeterminate("GENERIC"))
        facts.outcome = next(
            one for one in ("invalid", "indeterminate", "valid") if one in outcomes
        )
        if facts.kind == "signature" and self._is_baseline:
            facts.level = level_of(
                self.past, self.data, self.chain, self.all_stamps, self.moment, self.revision
            )

    @property
    def _is_baseline(self) -> bool:
        """B-B at least (EN 319 142-1, 6.3, table 1)."""
        return self._subfilter == "/ETSI.CAdES.detached" and self.data.names_certificate

    @property
    def _subfilter(self) -> str:
        return str(entry_of(self.embedded.sig_object, "/SubFilter", ""))

    @property
    def all_stamps(self) -> list[Stamp]:
        """Those over the signature alone, and those over the document that cover it."""
        return [
            *self.stamps,
            *(one for one in self.past.stamps if (one.revision or 0) >= self.revision),
        ]

    def _indeterminate(self, subindication: str) -> str:
        self.facts.ades = self.facts.ades or subindication
        return "indeterminate"

    def _invalid(self, subindication: str) -> str:
        self.facts.ades = self.facts.ades or subindication
        return "invalid"

    def _check_integrity(self) -> bool:
        """The signature verifies over the signed bytes; fills integrity and what came after."""
        facts, data, embedded = self.facts, self.data, self.embedded
        if self.token is not None:
            intact, verifies = data.verdict(
                signed_data.digest_of(data.digest, data.content or b""), signed_data.TST_INFO
            )
            intact = intact and self.token.is_over(embedded.digest)
        elif self._subfilter == "/adbe.pkcs7.sha1":  # the content is the digest of the document
            intact, verifies = data.verdict(
                signed_data.digest_of(data.digest, data.content or b""), signed_data.DATA
            )
            intact = intact and data.content == embedded.digest(signed_data.SHA1)
        else:
            intact, verifies = data.verdict(embedded.digest(data.digest), signed_data.DATA)
        if not verifies:
            facts.integrity, facts.ades = "broken", "SIG_CRYPTO_FAILURE"
            facts.findings.append("broken")
            return False
        if not intact:
            facts.integrity, facts.coverage_after = "altered", "changed"
            facts.ades = "HASH_FAILURE"
            facts.findings.append("changed")
            return False
        facts.integrity = "intact"
        facts.coverage_after = self.afterwards.coverage(embedded)
        facts.findings.append(
            {"nothing": "unchanged", "permitted": "permitted", "changed": "changed"}.get(
                facts.coverage_after, "unclear"
            )
        )
        if self._subfilter == "/ETSI.CAdES.detached" and not data.names_certificate:
            facts.findings.append("no_signing_certificate")
        return True

    def _find_time(self) -> None:
        """The time stamp's time when there is a good one, else what the signer claims (R37)."""
        facts = self.facts
        if self.token is not None:
            self.claimed = self.token.at
            facts.signed_at, facts.time_source = self.token.at.isoformat(), "timestamp"
            facts.stamped_at, facts.stamp_authority = facts.signed_at, facts.signer
            return
        self.claimed = self._claimed()
        self.stamps = [self._stamp(encoded) for encoded in self.data.stamps]
        good = [one for one in self.stamps if one.is_good]
        if good:
            first = min(good, key=lambda one: one.at)
            self.moment = min(self.moment, first.at)
            facts.findings.append("timestamp")
            facts.signed_at, facts.time_source = first.at.isoformat(), "timestamp"
            if self.claimed is not None:
                ahead = self.claimed - first.at
                if timedelta(hours=6.5) <= ahead <= timedelta(hours=7.5):
                    facts.findings.append("local_as_utc")
            self.claimed = first.at
        else:
            later = any(one.problem == "TRY_LATER" for one in self.stamps)
            facts.findings.append(
                "no_timestamp" if not self.stamps else "stamp_unknown" if later else "bad_timestamp"
            )
            if self.claimed is not None:
                facts.signed_at, facts.time_source = self.claimed.isoformat(), "claimed"
                if self.claimed > self.at + CLOCK_SKEW:
                    facts.findings.append("future")
        oldest = min(
            (one for one in self.all_stamps if one.is_good), key=lambda one: one.at, default=None
        )
        if oldest is not None:
            facts.stamped_at, facts.stamp_authority = oldest.at.isoformat(), oldest.authority
        if len(self.all_stamps) > len(self.stamps):
            facts.findings.append("archived")

    def _claimed(self) -> datetime | None:
        claimed = self.data.claimed_at
        if claimed is None:
            told = entry_of(self.embedded.sig_object, "/M")
            claimed = None if told is None else parse_pdf_date(str(told), strict=False)
        if claimed is not None and claimed.tzinfo is None:
            claimed = claimed.replace(tzinfo=UTC)
        return claimed

    def _stamp(self, encoded: bytes) -> Stamp:
        proven_at = self.past.proven_at(self.revision)
        try:
            token = signed_data.token_of(cms_reader.read(encoded))
            is_over = token.is_over(
                lambda algorithm: signed_data.digest_of(algorithm, self.data.signature)
            )
        except (ValueError, KeyError, IndexError):
            return Stamp(at=self.at, authority="", is_good=False, problem="FORMAT_FAILURE")
        return self.past.stamp(token, is_over=is_over, revision=self.revision, proven_at=proven_at)

    def _check_path(self) -> str:
        """The class the certification path allows; fills `path` and the chain."""
        facts, certificate = self.facts, self.certificate
        is_stamp = self.token is not None
        suits = may_stamp if is_stamp else may_sign_documents
        if not suits(certificate):
            facts.path = "wrong_usage"
            facts.findings.insert(0, "wrong_usage")
            return self._invalid("CHAIN_CONSTRAINTS_FAILURE")
        signed_at = self.claimed or self.at
        # With a time stamp the certificate must have been good then; without one, now (5.3).
        path = self.past.path_of(self.data, self.moment, is_stamp=is_stamp)
        if path.state == "expired" and (not self.is_proven or signed_at < self.moment):
            then = self.past.path_of(self.data, signed_at, is_stamp=is_stamp)
            if then.state == "trusted":  # nobody can prove when it was signed
                facts.path, self.chain = "expired", then.chain
                facts.findings.insert(0, "expired")
                return self._indeterminate("OUT_OF_BOUNDS_NO_POE")
        if path.state == "weak":
            facts.path = "invalid"
            facts.findings.insert(0, "weak")
            return self._indeterminate("CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
        facts.path = path.state
        codes = {"expired": "expired_then", "invalid": "path_invalid"}
        facts.findings.insert(0, codes.get(path.state, path.state))
        if path.state == "trusted":
            self.chain = path.chain
            if signed_at < certificate.not_valid_before_utc:
                facts.path = facts.findings[0] = "not_yet_valid"
                return self._invalid("NOT_YET_VALID" if self.stamps else "OUT_OF_BOUNDS_NO_POE")
            return "valid"
        if path.state == "untrusted":
            return self._indeterminate("NO_CERTIFICATE_CHAIN_FOUND")
        bad = path.state == "invalid"
        return self._invalid("CERTIFICATE_CHAIN_GENERAL_FAILURE" if bad else "OUT_OF_BOUNDS_NO_POE")

    def _check_revocation(self) -> str:
        """The class that lists and answers allow, for the signer's certificate and those above."""
        facts = self.facts
        moment = self.moment
        if facts.path == "expired":  # what was known while the certificate was in force
            moment = min(moment, self.certificate.not_valid_after_utc)
        evidence = [
            *self.past.evidence(),
            *self.past.carried_by(self.data, self.revision),
        ]
        told, above = self.past.standing(self.chain, moment, evidence)
        facts.revocation = told.state.value
        if above is not None:
            if above.state is RevocationState.REVOKED:
                facts.findings.insert(0, "ca_revoked")
                return self._invalid("REVOKED_CA_NO_POE")
            facts.findings.insert(0, "ca_unknown")
            return self._indeterminate("TRY_LATER")
        if told.state is RevocationState.GOOD:
            facts.findings.append("not_revoked")
            return "valid"
        if told.revoked_at is None:
            stale = told.state is RevocationState.STALE
            facts.findings.insert(0, "stale" if stale else "no_revocation")
            return self._indeterminate("TRY_LATER")
        return self._since(told, told.revoked_at)

    def _since(self, told: Revocation, revoked_at: datetime) -> str:
        """The class of what was signed with a certificate revoked or held as of a day."""
        facts = self.facts
        facts.revoked_at = revoked_at.isoformat()
        held = told.state is RevocationState.SUSPENDED
        if self.is_proven and self.moment < revoked_at:
            # Whatever comes of a hold, it will not count from before this day.
            facts.findings.append("suspended_after_stamp" if held else "revoked_after_stamp")
            return "valid"
        if held:
            facts.findings.insert(0, "suspended")
            return self._indeterminate("TRY_LATER")
        if self.claimed is None or revoked_at <= self.claimed:
            facts.findings.insert(0, "revoked")
            return self._invalid("REVOKED_NO_POE")
        facts.findings.insert(0, "revoked_later")
        return self._indeterminate("REVOKED_NO_POE")


def _certifies(sig_object: Any) -> bool:
    """A certification signature (ISO 32000-1, 12.8.2.2)."""
    return any(
        str(entry_of(item.get_object(), "/TransformMethod", "")) == "/DocMDP"
        for item in raw_items(entry_of(sig_object, "/Reference", ()))
    )


def _describe(certificate: x509.Certificate, facts: Facts) -> None:
    def all_of(oid: x509.ObjectIdentifier) -> str:
        return ", ".join(str(one.value) for one in certificate.subject.get_attributes_for_oid(oid))

    facts.signer = all_of(x509.NameOID.COMMON_NAME)
    facts.unit = all_of(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
    facts.organisation = all_of(x509.NameOID.ORGANIZATION_NAME)
    facts.email = all_of(x509.NameOID.EMAIL_ADDRESS)
    if not facts.email:
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            facts.email = ", ".join(names.value.get_values_for_type(x509.RFC822Name))
        except (x509.ExtensionNotFound, ValueError):
            pass
    for oid in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        found = certificate.issuer.get_attributes_for_oid(oid)
        if found and not facts.issuer:
            facts.issuer = str(found[0].value)
    facts.serial_hex = f"{certificate.serial_number:X}"
    facts.certificate_sha256 = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
