"""What each role may do, and over which units: the only table of permissions there is."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from signer.errors import N_, Forbidden


class Permission(StrEnum):
    """One act that can be allowed; every route and command names the one it needs."""

    UNIT_VIEW = "unit.view"
    PERSON_VIEW = "person.view"
    PERSON_REVEAL = "person.reveal"
    PERSON_EDIT = "person.edit"
    """Correcting one person, and deciding whether two entries are the same person."""
    ROSTER_IMPORT = "roster.import"
    UNIT_MANAGE = "unit.manage"
    """Opening, closing, merging, splitting and moving units; naming their focal officers."""
    POLICY_MANAGE = "policy.manage"
    """Which states of service are counted, may sign, and what they ask of a certificate (R11)."""
    CERTIFICATE_IMPORT = "certificate.import"
    """Bringing in certificates issued elsewhere, and saying whose they are."""
    REQUEST_CREATE = "request.create"
    REQUEST_APPROVE = "request.approve"
    REQUEST_VIEW = "request.view"
    CERTIFICATE_ISSUE = "certificate.issue"
    CERTIFICATE_REVOKE = "certificate.revoke"
    JOB_VIEW = "job.view"
    DOSSIER_VIEW = "dossier.view"
    DOSSIER_CREATE = "dossier.create"
    DOCUMENT_SIGN = "document.sign"
    REPORT_VIEW = "report.view"
    REPORT_FREEZE = "report.freeze"
    """Freezing the figures of a period, and correcting them by a new version."""
    CAMPAIGN_MANAGE = "campaign.manage"
    """Setting targets, tasks and the scoring table of a sprint."""
    TASK_REPORT = "task.report"
    """Saying how a task of one's own units stands, and why somebody still lacks a certificate."""
    AUDIT_VIEW = "audit.view"
    ACCOUNT_MANAGE = "account.manage"
    ACCOUNT_OPEN = "account.open"
    """Opening a signer's log-in for a person of the own units, and no other role."""


class Role(StrEnum):
    """What somebody is, in the words of the office."""

    ADMIN = "admin"
    HR = "hr"
    APPROVER = "approver"
    SIGNER = "signer"
    AUDITOR = "auditor"


ROLE_NAMES: dict[Role, str] = {
    Role.ADMIN: N_("Quản trị hệ thống"),
    Role.HR: N_("Cán bộ đầu mối"),
    Role.APPROVER: N_("Người duyệt"),
    Role.SIGNER: N_("Người ký"),
    Role.AUDITOR: N_("Kiểm tra, giám sát"),
}

_P = Permission
_READ = {_P.UNIT_VIEW, _P.PERSON_VIEW, _P.REQUEST_VIEW, _P.JOB_VIEW, _P.REPORT_VIEW}
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    # The administrator looks after accounts and the machine; signing and approving are others'.
    Role.ADMIN: frozenset(
        _READ
        | {
            _P.ACCOUNT_MANAGE,
            _P.ACCOUNT_OPEN,
            _P.AUDIT_VIEW,
            _P.ROSTER_IMPORT,
            _P.UNIT_MANAGE,
            _P.POLICY_MANAGE,
            _P.CERTIFICATE_IMPORT,
            _P.CERTIFICATE_ISSUE,
            _P.REPORT_FREEZE,
            _P.CAMPAIGN_MANAGE,
            _P.TASK_REPORT,
        }
    ),
    Role.HR: frozenset(
        _READ
        | {
            _P.ROSTER_IMPORT,
            _P.PERSON_EDIT,
            _P.CERTIFICATE_IMPORT,
            _P.TASK_REPORT,
            _P.REQUEST_CREATE,
            _P.PERSON_REVEAL,
            _P.ACCOUNT_OPEN,
            _P.CERTIFICATE_REVOKE,
            _P.DOSSIER_VIEW,
            _P.DOSSIER_CREATE,
        }
    ),
    Role.APPROVER: frozenset(
        _READ
        | {
            _P.REQUEST_APPROVE,
            _P.CERTIFICATE_ISSUE,
            _P.DOSSIER_VIEW,
            _P.DOCUMENT_SIGN,
            _P.TASK_REPORT,
        }
    ),
    # A signer sees what concerns the own person; services check that, so no subtree right here.
    Role.SIGNER: frozenset({_P.DOSSIER_VIEW, _P.DOCUMENT_SIGN}),
    Role.AUDITOR: frozenset(_READ | {_P.AUDIT_VIEW, _P.DOSSIER_VIEW}),
}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role over the units whose path starts with `scope_path`; the empty path is the city."""

    role: Role
    scope_path: str


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who is acting, with what they may do; made by `Accounts`, passed down to every service."""

    account_id: int | None
    name: str
    display_name: str
    grants: tuple[Grant, ...] = ()
    must_change_password: bool = False
    is_system: bool = field(default=False, repr=False)

    def scopes(self, permission: Permission) -> tuple[str, ...]:
        """The unit paths over which this actor holds the permission; none means denied."""
        if self.is_system:
            return ("",)
        return tuple(
            sorted({g.scope_path for g in self.grants if permission in ROLE_PERMISSIONS[g.role]})
        )

    def can(self, permission: Permission, path: str | None = None) -> bool:
        """True when the permission is held over the unit at `path` (anywhere, when None)."""
        scopes = self.scopes(permission)
        if path is None:
            return bool(scopes)
        return any(path.startswith(scope) for scope in scopes)

    def require(self, permission: Permission, path: str | None = None) -> None:
        """Raises `Forbidden` unless `can`."""
        if not self.can(permission, path):
            raise Forbidden(N_("Tài khoản của bạn không có quyền thực hiện việc này."))


SYSTEM = Actor(account_id=None, name="system", display_name="Hệ thống", is_system=True)
"""The server itself: commands given on its own machine and its worker."""


_Statement = TypeVar("_Statement", bound="Select[*tuple[Any, ...]]")


def visible(
    actor: Actor,
    permission: Permission,
    statement: _Statement,
    path: InstrumentedAttribute[str],
) -> _Statement:
    """The statement, limited to rows whose unit path lies in a subtree the actor may see.

    Paths are compared as ranges, so that an index on the path column serves them.
    """
    scopes = actor.scopes(permission)
    if "" in scopes:
        return statement
    return statement.where(or_(false(), *(in_subtree(path, scope) for scope in scopes)))


def in_subtree(path: InstrumentedAttribute[str], root: str) -> ColumnElement[bool]:
    """True for the unit at `root` and all below it; a path ends in a dot, and "/" follows it."""
    return and_(path >= root, path < root[:-1] + "/") if root else true()
