"""ETSI TS 119 102-2: the report says what the verdict says, in the shape of the standard's schema.

The schema is not ours to copy. Its structure is judged twice: by the classes that pyHanko's authors
generated from it, read and written again without a difference, and by the table below.
"""

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from pyhanko.generated.etsi import ts_11910202
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer

from signer.errors import Invalid
from signer.signing.revocation import RevocationState
from signer.signing.validation import (
    SENTENCES,
    Coverage,
    Integrity,
    PathState,
    SignatureVerdict,
    TimeSource,
    Verdict,
    VerdictClass,
)
from signer.signing.verdict_report import etsi_report

NAMES = {"vr": "http://uri.etsi.org/19102/v1.2.1#", "ds": "http://www.w3.org/2000/09/xmldsig#"}
SIGNED, STAMPED, CHECKED = (datetime(2026, 11, 23, 7, 8, s, tzinfo=UTC) for s in (0, 9, 30))

GOOD = SignatureVerdict(
    verdict=VerdictClass.VALID,
    sentence=SENTENCES[VerdictClass.VALID],
    field_name="Signature1",
    signer="Trần Thị Bình",
    unit="PHƯỜNG BA ĐÌNH",
    organisation="ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI",
    email="binh@hanoi.gov.vn",
    issuer="CA",
    serial_hex="7AF2",
    certificate_sha256="ab" * 32,
    signed_at=STAMPED,
    time_source=TimeSource.TIMESTAMP,
    integrity=Integrity.INTACT,
    coverage_after=Coverage.PERMITTED,
    path=PathState.TRUSTED,
    revocation=RevocationState.GOOD,
    revoked_at=None,
    sentences=(),
    level="B-LTA",
    stamped_at=STAMPED,
    ades_indication="TOTAL-PASSED",
    signed_digest="sha384:" + "0f" * 48,
)
CLAIMED = replace(
    GOOD, level="B-B", stamped_at=None, signed_at=SIGNED, time_source=TimeSource.CLAIMED
)
REVOKED = replace(
    CLAIMED,
    verdict=VerdictClass.INDETERMINATE,
    revocation=RevocationState.REVOKED,
    revoked_at=SIGNED,
    ades_indication="INDETERMINATE",
    ades_subindication="REVOKED_NO_POE",
)
BROKEN = replace(
    CLAIMED,
    verdict=VerdictClass.INVALID,
    certificate_sha256="",
    signed_at=None,
    time_source=TimeSource.NONE,
    signed_digest="",
    ades_indication="TOTAL-FAILED",
    ades_subindication="SIG_CRYPTO_FAILURE",
)
ARCHIVE = replace(GOOD, kind="timestamp", signer="TSA", certificate_sha256="cd" * 32)
HOSTILE = replace(BROKEN, signer='<a>&"\x00\x1f\ufffe' + "Ộ" * 3, field_name="\x07]]>")


def verdict(*signatures: SignatureVerdict) -> Verdict:
    """As a check of one file would have found."""
    return Verdict(
        verdict=signatures[0].verdict if signatures else VerdictClass.UNSIGNED,
        sentence=SENTENCES[VerdictClass.UNSIGNED],
        checked_at=CHECKED,
        signatures=signatures,
        sha256="ef" * 32,
        pages=3,
    )


def texts(report: bytes, path: str) -> list[str | None]:
    """What stands in the elements at that path below each signature's part."""
    root = ElementTree.fromstring(report)
    return [found.text for found in root.findall(f"vr:SignatureValidationReport/{path}", NAMES)]


ALL = (GOOD, CLAIMED, REVOKED, BROKEN, ARCHIVE, HOSTILE)


@pytest.mark.parametrize("signatures", [*((one,) for one in ALL), ALL], ids=len)
def test_it_has_the_shape_of_the_schema(signatures: tuple[SignatureVerdict, ...]) -> None:
    """Nothing unknown, nothing missing, everything in its order."""
    report = etsi_report(verdict(*signatures))
    config = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True)
    read = XmlParser(config=config).from_bytes(report, ts_11910202.ValidationReport)
    assert list(_missing(read, "ValidationReport")) == []
    again = XmlSerializer().render(read, ns_map={"vr": NAMES["vr"], "ds": NAMES["ds"]})
    assert _canonical(again) == _canonical(report.decode())  # written in the schema's order


def test_the_judge_sees_what_is_wrong() -> None:
    """Two elements swapped and a required one left out."""
    report = etsi_report(verdict(GOOD))
    root = ElementTree.fromstring(report)
    status = root.find("vr:SignatureValidationReport/vr:SignatureValidationStatus", NAMES)
    part = root.find("vr:SignatureValidationReport", NAMES)
    assert part is not None
    assert status is not None
    part.remove(status)
    part.insert(0, status)
    status.clear()
    spoiled = ElementTree.tostring(root)
    read = XmlParser().from_bytes(spoiled, ts_11910202.ValidationReport)
    assert list(_missing(read, "")) == [
        ".SignatureValidationReport.SignatureValidationStatus.MainIndication"
    ]
    assert _canonical(XmlSerializer().render(read)) != _canonical(spoiled.decode())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "vr:SignatureValidationStatus/vr:MainIndication",  # clause 4.3.4.2
            [
                "urn:etsi:019102:mainindication:total-passed",
                "urn:etsi:019102:mainindication:total-passed",
                "urn:etsi:019102:mainindication:indeterminate",
                "urn:etsi:019102:mainindication:total-failed",
            ],
        ),
        (
            "vr:SignatureValidationStatus/vr:SubIndication",  # clause 4.3.4.3
            [
                "urn:etsi:019102:subindication:REVOKED_NO_POE",
                "urn:etsi:019102:subindication:SIG_CRYPTO_FAILURE",
            ],
        ),
        (
            "vr:SignatureValidationProcess/vr:SignatureValidationProcessID",  # clause 4.3.11.1
            [
                "urn:etsi:019102:validationprocess:LTA",
                *["urn:etsi:019102:validationprocess:Basic"] * 3,
            ],
        ),
        (
            "vr:ValidationTimeInfo/vr:BestSignatureTime/vr:POETime",
            ["2026-11-23T07:08:09Z", *["2026-11-23T07:08:30Z"] * 3],
        ),
        ("vr:SignatureAttributes/vr:SigningTime/vr:Time", ["2026-11-23T07:08:00Z"] * 2),
        (
            "vr:SignatureAttributes/vr:SignatureTimeStamp/vr:TimeStampValue",
            ["2026-11-23T07:08:09Z"],
        ),
        ("vr:SignerInformation/vr:Signer", ["Trần Thị Bình"] * 3),
        (
            "vr:SignatureValidationStatus/vr:AssociatedValidationReportData"
            "/vr:RevocationStatusInformation/vr:RevocationTime",
            ["2026-11-23T07:08:00Z"],
        ),
        (
            "vr:SignatureIdentifier/vr:DigestAlgAndValue/ds:DigestValue",
            ["Dw8P" * 16] * 3,
        ),
        ("vr:SignersDocument/vr:DigestAlgAndValue/ds:DigestValue", ["7+/v" * 10 + "7+8="] * 4),
    ],
)
def test_it_says_what_the_verdict_says(path: str, said: list[str]) -> None:
    """Each fact at its place, and left out where it is not known."""
    assert texts(etsi_report(verdict(GOOD, CLAIMED, REVOKED, BROKEN)), path) == said


def test_references_lead_somewhere_and_certificates_are_listed_once() -> None:
    """Ids are unique, every VOReference names one."""
    root = ElementTree.fromstring(etsi_report(verdict(*ALL)))
    ids = [found.get("id") for found in root.iter() if found.get("id")]
    named = {found.get("VOReference") for found in root.iter() if found.get("VOReference")}
    assert len(ids) == len(set(ids)) == len(ALL) + 2
    assert named == {f"C-{'AB' * 32}", f"C-{'CD' * 32}"} <= set(ids)


def test_a_document_without_a_signature_has_no_report() -> None:
    """The schema has no place for it."""
    with pytest.raises(Invalid):
        etsi_report(verdict())


def _canonical(text: str) -> str:
    return ElementTree.canonicalize(text, strip_text=True, rewrite_prefixes=True)


_CHOICE = {"SignersDocumentRepresentation"}
"""Optional beside a digest (the schema's inner sequence), which the classes cannot say."""


def _missing(read: Any, name: str) -> Any:
    """The paths of required parts that are not there, by the classes made from the schema."""
    for part in fields(read):
        value, said = getattr(read, part.name), f"{name}.{part.metadata.get('name')}"
        if value is None or value == ():
            if part.metadata.get("name") in _CHOICE:
                continue
            if part.metadata.get("required") or part.metadata.get("min_occurs") == 1:
                yield said
            continue
        for one in value if isinstance(value, tuple) else (value,):
            if is_dataclass(one):
                yield from _missing(one, said)
