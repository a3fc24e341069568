"""What can be said about the signatures of a PDF, in three classes and whole sentences.

The classes are those of ETSI EN 319 102-1: valid (TOTAL-PASSED), invalid (TOTAL-FAILED) and
indeterminate; the sentences are those that clerks know from the tools in the field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from signer.clock import HANOI
from signer.errors import N_, Invalid
from signer.signing.recognition import Known, own_ranges, prefixes_of
from signer.signing.revocation import RevocationState
from signer.signing.sandbox import Sandbox, SandboxFailure, shared_sandbox

VALIDATE_SECONDS = 60.0
"""Difference analysis of a 29-page report with ten signatures takes two seconds."""


class VerdictClass(StrEnum):
    """The class of a verdict."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"
    UNSIGNED = "unsigned"


class Integrity(StrEnum):
    """Whether the signed bytes are the signed bytes."""

    INTACT = "intact"
    ALTERED = "altered"
    """The signed part was changed."""
    BROKEN = "broken"
    """The signature itself does not verify or cannot be read."""


class Coverage(StrEnum):
    """What happened to the document after this signature."""

    NOTHING = "nothing"
    PERMITTED = "permitted"
    """Only what a signed document allows: further signatures, notes, form entries."""
    CHANGED = "changed"
    UNCLEAR = "unclear"


class PathState(StrEnum):
    """Whether the certificate leads to a trust root."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    """No path to a trust root that is known here."""
    INVALID = "invalid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_USAGE = "wrong_usage"
    UNCHECKED = "unchecked"


class TimeSource(StrEnum):
    """Where the time of a signature comes from."""

    TIMESTAMP = "timestamp"
    CLAIMED = "claimed"
    NONE = "none"


SENTENCES = {
    VerdictClass.VALID: N_("Chữ ký hợp lệ!"),
    VerdictClass.INVALID: N_("Chữ ký không hợp lệ!"),
    VerdictClass.INDETERMINATE: N_("Không đủ thông tin xác thực chữ ký!"),
    VerdictClass.UNSIGNED: N_("Tài liệu không có chữ ký số."),
}

FINDINGS = {
    "unchanged": N_("Tài liệu chưa bị thay đổi."),
    "changed": N_("Tài liệu đã bị thay đổi."),
    "permitted": N_(
        "Nội dung đã ký số chưa bị thay đổi. Tài liệu đã được thêm chú thích, hoặc ký số sau đó."
    ),
    "unclear": N_("Không xác định được tài liệu có bị thay đổi sau khi ký hay không."),
    "broken": N_("Giá trị chữ ký số không đúng hoặc không đọc được."),
    "weak": N_("Thuật toán ký không đạt tiêu chuẩn hiện hành."),
    "no_signing_certificate": N_(
        "Chữ ký không nêu chứng thư số của người ký như chuẩn PAdES đòi hỏi."
    ),
    "expired": N_("Chứng thư số đã hết hạn sử dụng."),
    "expired_then": N_("Chứng thư số đã hết hạn sử dụng vào lúc ký."),
    "not_yet_valid": N_("Chứng thư số chưa có hiệu lực."),
    "path_invalid": N_("Đường dẫn chứng thực không hợp lệ."),
    "untrusted": N_("Chứng thư số không tin cậy."),
    "wrong_usage": N_("Chứng thư số không được dùng để ký tài liệu."),
    "trusted": N_("Chứng thư số tin cậy."),
    "revoked": N_("Chứng thư số đã bị thu hồi."),
    "revoked_later": N_(
        "Chứng thư số đã bị thu hồi sau thời điểm ký ghi trên tài liệu; chữ ký không gắn dấu thời "
        "gian nên không chứng minh được đã ký trước khi thu hồi."
    ),
    "revoked_after_stamp": N_("Chứng thư số bị thu hồi sau khi tài liệu đã được ký."),
    "suspended": N_("Chứng thư số đang bị tạm dừng; hãy kiểm tra lại khi có kết luận."),
    "suspended_after_stamp": N_("Chứng thư số bị tạm dừng sau khi tài liệu đã được ký."),
    "ca_revoked": N_("Chứng thư số CA đã bị thu hồi."),
    "not_revoked": N_("Chứng thư số chưa bị thu hồi."),
    "stale": N_("Danh sách chứng thư bị thu hồi đã quá hạn."),
    "no_revocation": N_("Không có danh sách chứng thư bị thu hồi để kiểm tra."),
    "ca_unknown": N_("Không có thông tin thu hồi của chứng thư số CA kèm trong tài liệu."),
    "no_timestamp": N_("Chữ ký không gắn dấu thời gian."),
    "timestamp": N_("Chữ ký có gắn dấu thời gian."),
    "bad_timestamp": N_("Dấu thời gian không hợp lệ."),
    "stamp_unknown": N_(
        "Chưa kiểm tra được chứng thư số của dấu thời gian có bị thu hồi hay không."
    ),
    "archived": N_("Tài liệu có dấu thời gian lưu trữ bảo vệ chữ ký này."),
    "doubled": N_(
        "Hai ô chữ ký trùng tên hoặc dùng chung một chữ ký nên không biết chữ ký nào là thật."
    ),
    "local_as_utc": N_("Thời gian ký là giờ địa phương ghi nhầm thành giờ UTC."),
    "future": N_("Thời gian ký ghi trên tài liệu muộn hơn thời điểm kiểm tra."),
}
"""By code; the strings of the tool family in domain.md 2.3 where it has one."""

CHANGES = {
    "signature": N_("Thêm chữ ký số."),
    "timestamp": N_("Thêm dấu thời gian của tài liệu."),
    "material": N_("Thêm thông tin xác thực: chứng thư số, trạng thái thu hồi."),
    "fields": N_("Thêm ô chữ ký."),
    "other": N_("Thêm chú thích, điền biểu mẫu hoặc lưu lại tệp."),
    "content": N_("Nội dung tài liệu bị thay đổi."),
}
"""By code: what was added after a signature."""

_FAILED = frozenset({"FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "NOT_YET_VALID"})
"""Subindications of TOTAL-FAILED (EN 319 102-1, table 5); all others leave it open."""

_UNREADABLE = {
    "encrypted": N_("Tài liệu đang được đặt mật khẩu nên không kiểm tra được chữ ký."),
    "damaged": N_("Tệp PDF bị hỏng nên không kiểm tra được chữ ký."),
    "complex": N_("Tệp PDF quá phức tạp, vượt quá giới hạn xử lý."),
}


@dataclass(frozen=True, kw_only=True)
class SignatureVerdict:
    """One signature, oldest first in its `Verdict`."""

    verdict: VerdictClass
    sentence: str
    field_name: str
    signer: str
    unit: str
    organisation: str
    email: str
    issuer: str
    serial_hex: str
    certificate_sha256: str
    signed_at: datetime | None
    time_source: TimeSource
    integrity: Integrity
    coverage_after: Coverage
    path: PathState
    revocation: RevocationState
    revoked_at: datetime | None
    sentences: tuple[str, ...]
    """Every finding, the decisive ones first."""
    kind: str = "signature"
    """"signature", or "timestamp" for a time stamp over the whole document."""
    level: str = ""
    """B-B, B-T, B-LT or B-LTA (EN 319 142-1, 6.1); empty when it reaches none."""
    stamped_at: datetime | None = None
    """When the oldest good time stamp proves that the signature was there."""
    stamp_authority: str = ""
    certified: bool = False
    """The author's own signature, which says what may be done to the document afterwards."""
    ades_indication: str = ""
    """TOTAL-PASSED, TOTAL-FAILED or INDETERMINATE (EN 319 102-1, 5.1.3); for a document time stamp
    too."""
    ades_subindication: str = ""
    """Such as REVOKED_NO_POE (EN 319 102-1, table 5); empty when passed."""
    changes: tuple[str, ...] = ()
    """What was added to the document after this signature, oldest first."""
    signed_digest: str = ""
    """"sha256:…", of what this signature, and no other, is over; the algorithm is its own."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; times in ISO 8601 with +07:00."""
        return {
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "field": self.field_name,
            "signer": self.signer,
            "unit": self.unit,
            "organisation": self.organisation,
            "email": self.email,
            "issuer": self.issuer,
            "serial": self.serial_hex,
            "certificate_sha256": self.certificate_sha256,
            "signed_at": _iso(self.signed_at),
            "time_source": self.time_source.value,
            "integrity": self.integrity.value,
            "coverage_after": self.coverage_after.value,
            "path": self.path.value,
            "revocation": self.revocation.value,
            "revoked_at": _iso(self.revoked_at),
            "sentences": list(self.sentences),
            "kind": self.kind,
            "level": self.level,
            "stamped_at": _iso(self.stamped_at),
            "stamp_authority": self.stamp_authority,
            "certified": self.certified,
            "ades_indication": self.ades_indication,
            "ades_subindication": self.ades_subindication,
            "changes": list(self.changes),
            "signed_digest": self.signed_digest,
        }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The whole document: as good as its worst signature."""

    verdict: VerdictClass
    sentence: str
    checked_at: datetime
    signatures: tuple[SignatureVerdict, ...] = field(default=())
    sha256: str = ""
    """Of the file that was judged; hexadecimal."""
    pages: int = 0
    """0 when the document cannot be read."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "checked_at": _iso(self.checked_at),
            "sha256": self.sha256,
            "pages": self.pages,
            "signatures": [signature.to_json() for signature in self.signatures],
        }


def validate(
    path: Path,
    *,
    trust_roots: Sequence[bytes],
    intermediates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    stamp_roots: Sequence[bytes] = (),
    at: datetime,
    known: Known | None = None,
    sandbox: Sandbox | None = None,
) -> Verdict:
    """What the signatures of the file are worth at that moment, by what was handed in.

    Nothing is fetched. Certificates and lists are DER; those in `intermediates` were chosen by
    the operator and count as not revoked unless a list says so. `stamp_roots` are trusted for time
    stamps alone. What `known` calls our own revisions is not analysed again (`recognition`).
    `Invalid` when the file is no PDF; a PDF that cannot be read is `indeterminate`.
    """
    _require_pdf(path)
    prefixes = prefixes_of(path)
    try:
        reply = (sandbox or shared_sandbox()).call(
            "validation_task:validate",
            {
                "path": str(path.absolute()),
                "roots": len(trust_roots),
                "intermediates": len(intermediates),
                "stamp_roots": len(stamp_roots),
                "at": at.isoformat(),
                "own": () if known is None else own_ranges(prefixes, known),
            },
            (*trust_roots, *intermediates, *stamp_roots, *crls),
            seconds=VALIDATE_SECONDS,
        )
    except SandboxFailure:
        return _unreadable("complex", at, prefixes.sha256)
    return _verdict(reply.value, at, prefixes.sha256)


def _require_pdf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(1024)
    except OSError as error:
        raise Invalid(N_("Không tìm thấy tệp PDF."), field="file") from error
    if b"%PDF-" not in start:
        raise Invalid(N_("Đây không phải là tệp PDF."), field="file")


def _unreadable(reason: str, at: datetime, sha256: str) -> Verdict:
    return Verdict(
        verdict=VerdictClass.INDETERMINATE,
        sentence=_UNREADABLE[reason],
        checked_at=at,
        sha256=sha256,
    )


def _verdict(told: Mapping[str, Any], at: datetime, sha256: str) -> Verdict:
    if reason := told.get("unreadable"):
        return _unreadable(reason, at, sha256)
    signatures = tuple(_signature(entry) for entry in told["signatures"])
    outcome = _worst([signature.verdict for signature in signatures])
    return Verdict(
        verdict=outcome,
        sentence=SENTENCES[outcome],
        checked_at=at,
        signatures=signatures,
        sha256=sha256,
        pages=int(told["pages"]),
    )


def _worst(outcomes: Sequence[VerdictClass]) -> VerdictClass:
    for outcome in (VerdictClass.INVALID, VerdictClass.INDETERMINATE, VerdictClass.VALID):
        if outcome in outcomes:
            return outcome
    return VerdictClass.UNSIGNED


def _signature(told: Mapping[str, Any]) -> SignatureVerdict:
    outcome = VerdictClass(told["outcome"])
    return SignatureVerdict(
        verdict=outcome,
        sentence=SENTENCES[outcome],
        field_name=told["field_name"],
        signer=told["signer"],
        unit=told["unit"],
        organisation=told["organisation"],
        email=told["email"],
        issuer=told["issuer"],
        serial_hex=told["serial_hex"],
        certificate_sha256=told["certificate_sha256"],
        signed_at=_moment(told["signed_at"]),
        time_source=TimeSource(told["time_source"]),
        integrity=Integrity(told["integrity"]),
        coverage_after=Coverage(told["coverage_after"]),
        path=PathState(told["path"]),
        revocation=RevocationState(told["revocation"]),
        revoked_at=_moment(told["revoked_at"]),
        sentences=tuple(FINDINGS[code] for code in dict.fromkeys(told["findings"])),
        kind=told["kind"],
        level=told["level"],
        stamped_at=_moment(told["stamped_at"]),
        stamp_authority=told["stamp_authority"],
        certified=bool(told["certified"]),
        ades_indication=_indication(told["ades"]),
        ades_subindication=told["ades"],
        changes=tuple(CHANGES[code] for code in told["changes"]),
        signed_digest=told["signed_digest"],
    )


def _indication(subindication: str) -> str:
    if not subindication:
        return "TOTAL-PASSED"
    return "TOTAL-FAILED" if subindication in _FAILED else "INDETERMINATE"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(HANOI).isoformat(timespec="seconds")
