"""The second opinion: what pkilint, a linter of others' certificates, finds in ours."""

from dataclasses import dataclass
from functools import cache
from typing import Any

ALLOWED: dict[str, str] = {}
"""pkilint's codes above NOTICE that we accept, each with the reason."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule that a certificate breaks."""

    rule: str
    source: str


def pkilint_findings(certificate_der: bytes) -> tuple[Finding, ...]:
    """What pkilint's RFC 5280 linter finds above NOTICE, less what `ALLOWED` explains."""
    from pkilint.pkix.certificate import RFC5280Certificate
    from pkilint.validation import ValidationFindingSeverity

    document = RFC5280Certificate("certificate", certificate_der)
    document.decode()
    return tuple(
        Finding(rule=found.finding.code, source="pkilint")
        for result in _pkilint().validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity < ValidationFindingSeverity.NOTICE
        and found.finding.code not in ALLOWED
    )


@cache
def _pkilint() -> Any:  # pkilint has no types
    # Imported on first use: half a second that most processes never need.
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
