"""The closed lists of certificates from outside."""

from enum import StrEnum

from signer.errors import N_


class Carrier(StrEnum):
    """Where a person's private key lives (R12, R54); our own CA's keys are central."""

    TOKEN = "token"
    SIM = "sim_pki"
    CENTRAL = "central"
    HSM = "hsm"
    UNKNOWN = "unknown"


CARRIER_NAMES: dict[Carrier, str] = {
    Carrier.TOKEN: N_("USB Token"),
    Carrier.SIM: N_("SIM PKI"),
    Carrier.CENTRAL: N_("Ký số tập trung"),
    Carrier.HSM: N_("HSM"),
    Carrier.UNKNOWN: N_("Chưa rõ phương tiện"),
}


class Generation(StrEnum):
    """Of the government's two hierarchies: 2010-2030, and 2018-2048 (domain.md 2.1)."""

    G1 = "G1"
    G2 = "G2"
    OTHER = "other"


class Owner(StrEnum):
    """Whom a certificate names; what is no person's never counts for one."""

    PERSON = "person"
    BODY = "body"


class Match(StrEnum):
    """Whose certificate it is, and how that is known (R14)."""

    CERTAIN = "certain"
    """The official e-mail address says so, and the name does not contradict."""
    PROPOSED = "proposed"
    """Waits for a person's word."""
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    """Somebody said that it is not the person proposed."""
    NONE = "none"


class CertificateStatus(StrEnum):
    """What the issuer said last; `unknown` is not `good` (R18)."""

    GOOD = "good"
    HELD = "held"
    """On its list as certificateHold: it may count again."""
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    """Shown, never stored: the day says it."""


class ImportKind(StrEnum):
    """What the uploaded file is."""

    CERTIFICATES = "certificates"
    LIST = "list"


class ImportState(StrEnum):
    """Checked only, or stored, as far as its job has come."""

    CHECKED = "checked"
    APPLIED = "applied"


MATCH_NAMES: dict[Match, str] = {
    Match.CERTAIN: N_("Đã xác định"),
    Match.PROPOSED: N_("Chờ xác nhận"),
    Match.CONFIRMED: N_("Đã xác nhận"),
    Match.REJECTED: N_("Đã bác đề xuất"),
    Match.NONE: N_("Chưa xác định chủ thể"),
}
STATUS_NAMES: dict[CertificateStatus, str] = {
    CertificateStatus.GOOD: N_("Còn hiệu lực"),
    CertificateStatus.HELD: N_("Tạm dừng"),
    CertificateStatus.REVOKED: N_("Đã thu hồi"),
    CertificateStatus.UNKNOWN: N_("Chưa rõ trạng thái"),
    CertificateStatus.EXPIRED: N_("Đã hết hạn"),
}
OWNER_NAMES: dict[Owner, str] = {
    Owner.PERSON: N_("Cá nhân"),
    Owner.BODY: N_("Cơ quan, tổ chức"),
}
