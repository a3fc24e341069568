"""The menu: what there is, and who sees it."""

from dataclasses import dataclass

from signer.accounts import Actor, Permission
from signer.errors import N_
from signer.services import services


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the menu; without a permission it is for everybody."""

    path: str
    label: str
    icon: str
    permission: Permission | None = None
    over: str | None = None
    """The unit path over which the permission is needed; anywhere, when None."""
    signed_in: bool = True


@dataclass(frozen=True, kw_only=True)
class Group:
    """Entries that belong together, under a heading."""

    label: str
    entries: tuple[Entry, ...]


_P = Permission
_GROUPS = (
    Group(
        label=N_("Việc của tôi"),
        entries=(
            Entry(path="/", label=N_("Trang chính"), icon="home"),
            Entry(path="/inbox", label=N_("Việc chờ ký"), icon="pen", permission=_P.DOCUMENT_SIGN),
            Entry(path="/dossiers", label=N_("Hồ sơ"), icon="folder", permission=_P.DOSSIER_VIEW),
            Entry(
                path="/activate",
                label=N_("Chữ ký của tôi"),
                icon="key",
                permission=_P.DOCUMENT_SIGN,
            ),
        ),
    ),
    Group(
        label=N_("Cấp chứng thư"),
        entries=(
            Entry(path="/units", label=N_("Cơ cấu đơn vị"), icon="tree", permission=_P.UNIT_VIEW),
            Entry(path="/people", label=N_("Nhân sự"), icon="people", permission=_P.PERSON_VIEW),
            Entry(
                path="/roster",
                label=N_("Nạp danh sách"),
                icon="upload",
                permission=_P.ROSTER_IMPORT,
            ),
            Entry(
                path="/duplicates",
                label=N_("Hồ sơ trùng"),
                icon="person",
                permission=_P.PERSON_EDIT,
            ),
            Entry(
                path="/requests", label=N_("Đề nghị cấp"), icon="tray", permission=_P.REQUEST_VIEW
            ),
            Entry(
                path="/drafts",
                label=N_("Việc cần xử lý"),
                icon="bell",
                permission=_P.CERTIFICATE_REVOKE,
            ),
            Entry(
                path="/expiring", label=N_("Sắp hết hạn"), icon="clock", permission=_P.PERSON_VIEW
            ),
            Entry(
                path="/outside",
                label=N_("Chứng thư bên ngoài"),
                icon="check",
                permission=_P.CERTIFICATE_IMPORT,
            ),
            Entry(
                path="/revocations",
                label=N_("Thu hồi, tạm dừng"),
                icon="stop",
                permission=_P.CERTIFICATE_REVOKE,
            ),
        ),
    ),
    Group(
        label=N_("Theo dõi"),
        entries=(
            Entry(
                path="/coverage", label=N_("Độ bao phủ"), icon="chart", permission=_P.REPORT_VIEW
            ),
            Entry(path="/reports", label=N_("Báo cáo"), icon="tray", permission=_P.REPORT_VIEW),
            Entry(
                path="/campaigns", label=N_("Chiến dịch"), icon="flag", permission=_P.REPORT_VIEW
            ),
            Entry(
                path="/policy",
                label=N_("Chính sách"),
                icon="list",
                permission=_P.POLICY_MANAGE,
                over="",
            ),
            Entry(
                path="/audit",
                label=N_("Nhật ký"),
                icon="list",
                permission=_P.AUDIT_VIEW,
                over="",
            ),
        ),
    ),
    Group(
        label=N_("Tra cứu"),
        entries=(
            Entry(path="/verify", label=N_("Kiểm tra chữ ký"), icon="check", signed_in=False),
            Entry(path="/help", label=N_("Hướng dẫn"), icon="help", signed_in=False),
        ),
    ),
)


def entries_for(actor: Actor | None) -> tuple[Group, ...]:
    """The menu of this visitor; groups without an entry are left out."""
    groups = (
        Group(label=g.label, entries=tuple(e for e in g.entries if _shown(e, actor)))
        for g in _GROUPS
    )
    return tuple(group for group in groups if group.entries)


def waiting_at(path: str, actor: Actor) -> int:
    """How many things wait behind an entry that says so; asked while the menu is written."""
    return services().issuance.revoking.count_drafts(actor) if path == "/drafts" else 0


def _shown(entry: Entry, actor: Actor | None) -> bool:
    if actor is None:
        return not entry.signed_in
    return entry.permission is None or actor.can(entry.permission, entry.over)
