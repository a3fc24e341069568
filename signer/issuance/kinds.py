"""What a request can ask for, and when it is refused."""

from dataclasses import dataclass
from enum import StrEnum

from signer.ca.issuing import EXPOSED
from signer.ca.models import CertificateState
from signer.config import Settings
from signer.errors import N_
from signer.inventory.policy import rules
from signer.issuance.holdings import Holding


class RequestKind(StrEnum):
    """The values of `certificate_request.kind`."""

    ISSUE = "issue"
    """A first certificate, or one after the last one ended."""
    RENEW = "renew"
    """The same key and data for longer; the old certificate is left to run out."""
    CHANGE = "change"
    """Other data for the same key and the same end; the old certificate is revoked."""
    REKEY = "rekey"
    """A new key and certificate; the old one is revoked."""


KIND_NAMES: dict[RequestKind, str] = {
    RequestKind.ISSUE: N_("Cấp mới"),
    RequestKind.RENEW: N_("Gia hạn"),
    RequestKind.CHANGE: N_("Thay đổi thông tin"),
    RequestKind.REKEY: N_("Cấp lại khóa"),
}


@dataclass(frozen=True, kw_only=True)
class Reissue:
    """What is known of somebody for whom a certificate in place of the present one is asked."""

    holding: Holding
    days_left: int
    renewals: int
    """How often the present key was renewed."""
    has_changed: bool
    """The inventory says something else than the certificate."""


NO_LONGER_AT_WORK = N_("Người này không còn ở trạng thái công tác được cấp chữ ký số.")
NO_EMAIL = N_("Chưa có thư điện tử công vụ; hãy bổ sung rồi lập đề nghị lại.")
IN_ANOTHER_REQUEST = N_("Đã có trong một đề nghị khác chưa giải quyết xong.")
COVERED = N_("Đã có chứng thư chữ ký số còn hiệu lực.")
NOTHING_COUNTS = N_("Không có chứng thư nào còn hiệu lực; hãy lập đề nghị cấp mới.")
ENDED_MEANWHILE = N_("Chứng thư của người này đã bị thu hồi hoặc tạm dừng trong khi cấp.")
SUSPENDED = N_("Chứng thư chữ ký số đang tạm dừng; hãy cho dùng lại hoặc thu hồi trước.")
_KEY_LOCKED = N_("Khóa ký đang bị khóa; hãy lập đề nghị cấp lại khóa.")
_NOTHING_CHANGED = N_("Thông tin trên chứng thư vẫn đúng.")
_CHANGED = N_("Thông tin trên chứng thư không còn đúng; hãy lập đề nghị thay đổi thông tin.")
_TOO_EARLY = N_("Chưa đến kỳ gia hạn.")
_TOO_LATE = N_("Đã quá hạn đề nghị gia hạn; hãy lập đề nghị cấp lại khóa.")
_TOO_OFTEN = N_("Khóa này đã được gia hạn đủ số lần cho phép; hãy lập đề nghị cấp lại khóa.")

FINAL = frozenset(
    {
        COVERED,
        ENDED_MEANWHILE,
        EXPOSED,
        NOTHING_COUNTS,
        _KEY_LOCKED,
        _NOTHING_CHANGED,
        _CHANGED,
        _TOO_EARLY,
        _TOO_LATE,
        _TOO_OFTEN,
    }
)
"""Refusals that a retry of the same request cannot help; another request can."""


def why_not_reissue(kind: RequestKind, facts: Reissue, settings: Settings) -> str | None:
    """Why no certificate can take the place of the present one; None when one can."""
    holding = facts.holding
    if not rules()[holding.person_state].may_sign:
        return NO_LONGER_AT_WORK
    if not holding.email:
        return NO_EMAIL
    if holding.certificate_id is None:
        return NOTHING_COUNTS
    if holding.certificate_state == CertificateState.SUSPENDED:
        return SUSPENDED
    if kind is RequestKind.REKEY:
        return None
    if holding.key_state in ("locked", "retired"):
        return _KEY_LOCKED
    if kind is RequestKind.CHANGE:
        return None if facts.has_changed else _NOTHING_CHANGED
    if facts.has_changed:
        return _CHANGED
    if facts.days_left > max(settings.expiry_alert_days):
        return _TOO_EARLY
    if facts.days_left < settings.renewal_min_days_left:
        return _TOO_LATE
    if facts.renewals >= settings.renewals_allowed:
        return _TOO_OFTEN
    return None
