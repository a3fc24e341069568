"""A verdict's states in words: what pages, papers and the terminal say about one signature."""

from collections.abc import Callable, Sequence
from datetime import datetime

from signer.clock import HANOI
from signer.errors import N_
from signer.signing.revocation import RevocationState
from signer.signing.validation import (
    Coverage,
    Integrity,
    PathState,
    SignatureVerdict,
    TimeSource,
    VerdictClass,
)

Say = Callable[[str], str]
"""The sentence in the reader's language."""

MEANINGS: dict[VerdictClass, str] = {
    VerdictClass.VALID: N_(
        "Người ký được xác định, chứng thư có giá trị và nội dung đã ký không bị sửa."
    ),
    VerdictClass.INVALID: N_("Đừng dùng tài liệu này. Hãy đề nghị nơi gửi cung cấp lại bản đúng."),
    VerdictClass.INDETERMINATE: N_(
        "Không thể kết luận chữ ký đúng hay sai. Hãy xem chi tiết và hỏi nơi gửi tài liệu."
    ),
    VerdictClass.UNSIGNED: N_("Tệp này chưa được ký số, nên không có gì để xác minh."),
}
"""What the class means for whoever holds the file."""

_INTEGRITY = {
    Integrity.INTACT: N_("Phần đã ký còn nguyên vẹn"),
    Integrity.ALTERED: N_("Phần đã ký bị thay đổi"),
    Integrity.BROKEN: N_("Không kiểm tra được"),
}
_AFTER = {
    Coverage.NOTHING: N_("Không có gì được thêm vào"),
    Coverage.PERMITTED: N_("Chỉ thêm chữ ký, chú thích hoặc điền biểu mẫu"),
    Coverage.CHANGED: N_("Nội dung bị thay đổi"),
    Coverage.UNCLEAR: N_("Không xác định được"),
}
_PATH = {
    PathState.TRUSTED: N_("Tin cậy"),
    PathState.UNTRUSTED: N_("Không tin cậy"),
    PathState.INVALID: N_("Không hợp lệ"),
    PathState.EXPIRED: N_("Chứng thư hết hạn"),
    PathState.NOT_YET_VALID: N_("Chứng thư chưa có hiệu lực"),
    PathState.WRONG_USAGE: N_("Chứng thư không dùng để ký tài liệu"),
    PathState.UNCHECKED: N_("Chưa kiểm tra"),
}
_REVOCATION = {
    RevocationState.GOOD: N_("Chưa bị thu hồi"),
    RevocationState.REVOKED: N_("Đã bị thu hồi"),
    RevocationState.SUSPENDED: N_("Đang bị tạm dừng"),
    RevocationState.STALE: N_("Danh sách thu hồi đã quá hạn"),
    RevocationState.UNKNOWN: N_("Không có danh sách thu hồi để kiểm tra"),
}
_SOURCES = {
    TimeSource.TIMESTAMP: N_("Dấu thời gian"),
    TimeSource.CLAIMED: N_("Máy của người ký, không có dấu thời gian"),
    TimeSource.NONE: N_("Không có thời gian ký"),
}


def heading_of(signature: SignatureVerdict, say: Say) -> str:
    """Who, in one line; a time stamp over the document is no person."""
    if signature.kind == "timestamp":
        name = signature.signer or say(N_("không rõ tổ chức cấp"))
        return f"{say(N_('Dấu thời gian của tài liệu'))}: {name}"
    return signature.signer or say(N_("không rõ người ký"))


def facts_of(signature: SignatureVerdict, say: Say) -> Sequence[tuple[str, str]]:
    """(what, value) in the order of R47: who, unit, time and its source, integrity, path,
    revocation, stamp, what came after; what is not known is left out."""
    is_stamp = signature.kind == "timestamp"
    status = " / ".join(filter(None, (signature.ades_indication, signature.ades_subindication)))
    stamp = " · ".join(filter(None, (exact(signature.stamped_at), signature.stamp_authority)))
    after = [say(_AFTER[signature.coverage_after]), *map(say, signature.changes)]
    facts = (
        (N_("Tổ chức cấp dấu thời gian") if is_stamp else N_("Người ký"), signature.signer),
        (N_("Đơn vị"), signature.unit),
        (N_("Cơ quan"), signature.organisation),
        (N_("Thư điện tử"), signature.email),
        (N_("Lúc đóng dấu") if is_stamp else N_("Thời gian ký"), exact(signature.signed_at)),
        (N_("Nguồn thời gian"), "" if is_stamp else say(_SOURCES[signature.time_source])),
        (N_("Tính toàn vẹn"), say(_INTEGRITY[signature.integrity])),
        (N_("Đường dẫn chứng thực"), say(_PATH[signature.path])),
        (N_("Tình trạng thu hồi"), say(_REVOCATION[signature.revocation])),
        (N_("Thu hồi lúc"), exact(signature.revoked_at)),
        (N_("Dấu thời gian"), "" if is_stamp else stamp or say(N_("Không có"))),
        (N_("Sau khi ký"), "\n".join(after)),
        (N_("Chữ ký chứng nhận"), say(N_("Có: tài liệu chỉ còn được ký thêm"))
            if signature.certified else ""),
        (N_("Mức chữ ký PAdES"), signature.level),
        (N_("Kết luận theo ETSI EN 319 102-1"), status),
        (N_("Tổ chức cấp chứng thư"), signature.issuer),
        (N_("Số hiệu chứng thư"), signature.serial_hex),
    )  # fmt: skip
    return [(say(what), value) for what, value in facts if value]


def exact(moment: datetime | None) -> str:
    """23/11/2026 14:07:05 (+07:00), in Hanoi's time; nothing is an empty text."""
    return "" if moment is None else f"{moment.astimezone(HANOI):%d/%m/%Y %H:%M:%S} (+07:00)"
