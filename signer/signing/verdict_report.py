"""A verdict as the machine-readable report of ETSI TS 119 102-2, for other products to read.

Namespace and elements are those of V1.2.1 to V1.3.1 of the standard; V1.4.1 changed the namespace
only. Nothing here is parsed, so the standard library's writer is enough.
"""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from xml.etree import ElementTree

from signer.errors import Invalid
from signer.signing.validation import SignatureVerdict, TimeSource, Verdict

MEDIA_TYPE = "application/xml"
_VR = "http://uri.etsi.org/19102/v1.2.1#"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_URN = "urn:etsi:019102"
_DIGESTS = {
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "sha224": "http://www.w3.org/2001/04/xmldsig-more#sha224",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
"""What XML signatures call them (RFC 9231)."""
_PROCESSES = {"B-T": "LTVM", "B-LT": "LTVM", "B-LTA": "LTA"}
"""By level: the process of EN 319 102-1, 5.3, 5.5 or 5.6 (clause 4.3.11.1)."""

for _prefix, _namespace in (("vr", _VR), ("ds", _DS)):
    ElementTree.register_namespace(_prefix, _namespace)


def etsi_report(verdict: Verdict) -> bytes:
    """The report as UTF-8 XML: one part for each signature, document time stamps as well.

    `Invalid` when there is no signature to report on: the schema asks for one.
    """
    if not verdict.signatures:
        raise Invalid(verdict.sentence)
    root = ElementTree.Element(f"{{{_VR}}}ValidationReport")
    for number, signature in enumerate(verdict.signatures, start=1):
        _signature(root, verdict, signature, number)
    _validation_objects(root, verdict)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _signature(
    root: ElementTree.Element, verdict: Verdict, signature: SignatureVerdict, nr: int
) -> None:
    """Clause 4.3, its parts in the order of the schema."""
    report = _part(root, "SignatureValidationReport")
    identifier = _part(report, "SignatureIdentifier", id=f"S-{nr}")  # 4.3.3
    algorithm, _, digest = signature.signed_digest.partition(":")
    if algorithm in _DIGESTS:
        _digest(identifier, digest, algorithm)
    _part(identifier, "HashOnly", "false")
    _part(identifier, "DocHashOnly", "false")
    _part(identifier, "DAIdentifier", _plain(signature.field_name))
    times = _part(report, "ValidationTimeInfo")  # 4.3.6
    _part(times, "ValidationTime", _instant(verdict.checked_at))
    best = _part(times, "BestSignatureTime")
    _part(best, "POETime", _instant(signature.stamped_at or verdict.checked_at))
    _part(best, "TypeOfProof", f"{_URN}:poetype:validation")
    if verdict.sha256:
        _digest(_part(report, "SignersDocument"), verdict.sha256)  # 4.3.7
    _attributes(report, signature)
    if signature.certificate_sha256:
        about = _part(report, "SignerInformation")  # 4.3.9
        _part(about, "SignerCertificate", VOReference=_certificate_id(signature))
        _part(about, "Signer", _plain(signature.signer))
    process = _PROCESSES.get(signature.level, "Basic")
    _part(
        _part(report, "SignatureValidationProcess"),  # 4.3.11
        "SignatureValidationProcessID",
        f"{_URN}:validationprocess:{process}",
    )
    status = _part(report, "SignatureValidationStatus")  # 4.3.4
    indication = signature.ades_indication or "INDETERMINATE"
    _part(status, "MainIndication", f"{_URN}:mainindication:{indication.lower()}")
    if signature.ades_subindication:
        _part(status, "SubIndication", f"{_URN}:subindication:{signature.ades_subindication}")
    if signature.revoked_at is not None and signature.certificate_sha256:
        data = _part(status, "AssociatedValidationReportData")  # 4.3.12.6
        revoked = _part(data, "RevocationStatusInformation")
        _part(revoked, "ValidationObjectId", VOReference=_certificate_id(signature))
        _part(revoked, "RevocationTime", _instant(signature.revoked_at))


def _attributes(report: ElementTree.Element, signature: SignatureVerdict) -> None:
    """Clause 4.3.8, as far as a verdict knows them."""
    is_claimed = signature.time_source is TimeSource.CLAIMED and signature.signed_at is not None
    if not is_claimed and signature.stamped_at is None:
        return
    attributes = _part(report, "SignatureAttributes")
    if is_claimed and signature.signed_at is not None:
        _part(
            _part(attributes, "SigningTime", Signed="true"), "Time", _instant(signature.signed_at)
        )
    if signature.stamped_at is not None:
        kind = "DocTimeStamp" if signature.kind == "timestamp" else "SignatureTimeStamp"
        _part(_part(attributes, kind), "TimeStampValue", _instant(signature.stamped_at))


def _validation_objects(root: ElementTree.Element, verdict: Verdict) -> None:
    """Clause 4.4: each signer's certificate once, by its hash; the file itself stays unnamed."""
    found = {_certificate_id(s): s for s in verdict.signatures if s.certificate_sha256}
    if not found:
        return
    objects = _part(root, "SignatureValidationObjects")
    for name, signature in found.items():
        entry = _part(objects, "ValidationObject", id=name)
        _part(entry, "ObjectType", f"{_URN}:validationObject:certificate")
        _digest(_part(entry, "ValidationObjectRepresentation"), signature.certificate_sha256)


def _certificate_id(signature: SignatureVerdict) -> str:
    return f"C-{signature.certificate_sha256.upper()}"


def _digest(parent: ElementTree.Element, digest: str, algorithm: str = "sha256") -> None:
    both = _part(parent, "DigestAlgAndValue")
    ElementTree.SubElement(both, f"{{{_DS}}}DigestMethod", Algorithm=_DIGESTS[algorithm])
    value = ElementTree.SubElement(both, f"{{{_DS}}}DigestValue")
    value.text = base64.b64encode(bytes.fromhex(digest)).decode("ascii")


def _part(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    part = ElementTree.SubElement(parent, f"{{{_VR}}}{name}", attributes)
    part.text = text
    return part


def _instant(moment: datetime) -> str:
    """UTC, to the second, as xs:dateTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(text: str) -> str:
    """Without what no XML document may hold (XML 1.0, 2.2); whoever made the file chose it."""
    return "".join(filter(_is_char, text))


def _is_char(letter: str) -> bool:
    ranges: Iterable[tuple[str, str]] = (
        (" ", "\ud7ff"),
        ("\ue000", "\ufffd"),
        ("\U00010000", "\U0010ffff"),
    )
    return letter in "\t\n\r" or any(low <= letter <= high for low, high in ranges)
