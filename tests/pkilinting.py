"""pkilint's rules of RFC 5280 and RFC 6960 over revocation lists and OCSP responses."""

from functools import cache
from typing import Any

from pkilint import loader, pkix
from pkilint.pkix import crl, extension, name, ocsp
from pkilint.validation import ValidationFindingSeverity


def crl_findings(crl_der: bytes) -> list[str]:
    """The codes of what it finds above a notice in a list."""
    return _found(_crl_rules(), loader.load_der_crl(crl_der, "list"))


def ocsp_findings(response_der: bytes) -> list[str]:
    """The codes of what it finds above a notice in an OCSP response."""
    document = loader.RFC6960OCSPResponseDocumentLoader().load_der_document(response_der)
    return _found(_ocsp_rules(), document)


def _found(rules: Any, document: Any) -> list[str]:
    return [
        found.finding.code
        for result in rules.validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity < ValidationFindingSeverity.NOTICE  # the worst is the smallest
    ]


@cache
def _crl_rules() -> Any:
    return crl.create_pkix_crl_validator_container(
        _decoders(),
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


@cache
def _ocsp_rules() -> Any:
    return ocsp.create_pkix_ocsp_response_validator_container(
        [ocsp.create_response_decoder(), *_decoders()], []
    )


def _decoders() -> list[Any]:
    return [
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
