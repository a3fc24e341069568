"""The menu: what there is, and who sees it."""

from typing import NamedTuple

from signer.accounts import Actor, Permission
from signer.errors import N_
from signer.services import services


class Entry(NamedTuple):
    """A line of the menu; without a permission it is for everybody who is signed in."""

    path: str
    label: str
    icon: str
    permission: Permission | None = None
    over: str | None = None
    """The unit path over which the permission is needed; anywhere, when None."""
    is_public: bool = False


class Group(NamedTuple):
    """Entries that belong together, under a heading."""

    label: str
    entries: tuple[Entry, ...]


_P = Permission
_GROUPS = (
    Group(
        N_("Việc của tôi"),
        (
            Entry("/", N_("Trang chính"), "home"),
            Entry("/inbox", N_("Việc chờ ký"), "pen", _P.DOCUMENT_SIGN),
            Entry("/dossiers", N_("Hồ sơ"), "folder", _P.DOSSIER_VIEW),
            Entry("/activate", N_("Chữ ký của tôi"), "key", _P.DOCUMENT_SIGN),
            Entry("/my-seals", N_("Con dấu tôi giữ"), "seal", _P.DOCUMENT_SIGN),
        ),
    ),
    Group(
        N_("Cấp chứng thư"),
        (
            Entry("/units", N_("Cơ cấu đơn vị"), "tree", _P.UNIT_VIEW),
            Entry("/people", N_("Nhân sự"), "people", _P.PERSON_VIEW),
            Entry("/roster", N_("Nạp danh sách"), "upload", _P.ROSTER_IMPORT),
            Entry("/duplicates", N_("Hồ sơ trùng"), "person", _P.PERSON_EDIT),
            Entry("/requests", N_("Đề nghị cấp"), "tray", _P.REQUEST_VIEW),
            Entry("/seals", N_("Con dấu cơ quan"), "seal", _P.REQUEST_VIEW),
            Entry("/drafts", N_("Việc cần xử lý"), "bell", _P.CERTIFICATE_REVOKE),
            Entry("/expiring", N_("Sắp hết hạn"), "clock", _P.PERSON_VIEW),
            Entry("/outside", N_("Chứng thư bên ngoài"), "check", _P.CERTIFICATE_IMPORT),
            Entry("/revocations", N_("Thu hồi, tạm dừng"), "stop", _P.CERTIFICATE_REVOKE),
        ),
    ),
    Group(
        N_("Theo dõi"),
        (
            Entry("/coverage", N_("Độ bao phủ"), "chart", _P.REPORT_VIEW),
            Entry("/reports", N_("Báo cáo"), "tray", _P.REPORT_VIEW),
            Entry("/campaigns", N_("Chiến dịch"), "flag", _P.REPORT_VIEW),
            Entry("/policy", N_("Chính sách"), "list", _P.POLICY_MANAGE, over=""),
            Entry("/audit", N_("Nhật ký"), "list", _P.AUDIT_VIEW, over=""),
        ),
    ),
    Group(
        N_("Tra cứu"),
        (
            Entry("/verify", N_("Kiểm tra chữ ký"), "check", is_public=True),
            Entry("/help", N_("Hướng dẫn"), "help", is_public=True),
        ),
    ),
)


def entries_for(actor: Actor | None) -> list[Group]:
    """The menu of this visitor; groups without an entry are left out."""
    seen = ((label, tuple(e for e in entries if _shown(e, actor))) for label, entries in _GROUPS)
    return [Group(label, entries) for label, entries in seen if entries]


def waiting_at(path: str, actor: Actor) -> int:
    """How many things wait behind an entry that says so; asked while the menu is written."""
    return services().issuance.revoking.count_drafts(actor) if path == "/drafts" else 0


def _shown(entry: Entry, actor: Actor | None) -> bool:
    if actor is None:
        return entry.is_public
    return entry.permission is None or actor.can(entry.permission, entry.over)
