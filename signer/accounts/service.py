"""Who may log in, and as whom: accounts, passwords, sessions and roles."""

import hashlib
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from signer.accounts.models import Account, RoleGrant, Session
from signer.accounts.permissions import SYSTEM, Actor, Grant, Role
from signer.audit import Audit
from signer.clock import Clock
from signer.config import Settings
from signer.db import db, transaction
from signer.errors import N_, Conflict, Forbidden, Invalid, NotFound

NAME_LENGTH = 100
PASSWORD_LENGTH = 12
"""Length over composition (NIST SP 800-63B, 3.1.1.2)."""
_ATTEMPTS = 10
_LOCKED_FOR = timedelta(minutes=15)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without the letters people mistake for another


@dataclass(frozen=True, kw_only=True)
class NewAccount:
    """An account just made; the password is shown once and stored nowhere."""

    id: int
    name: str
    password: str

    def __repr__(self) -> str:
        return f"NewAccount(id={self.id}, name={self.name!r})"


@cache  # as slow as a log-in: once for a process is enough
def _nobodys_hash() -> str:
    """What the password of an unknown name is compared with, so that it takes as long."""
    return PasswordHasher().hash(secrets.token_hex(8))


class Accounts:
    """Makes accounts, checks passwords, keeps sessions, and says who somebody is."""

    def __init__(self, settings: Settings, clock: Clock, audit: Audit) -> None:
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._hasher = PasswordHasher()
        self._dummy = _nobodys_hash()

    def create(
        self,
        actor: Actor,
        *,
        name: str,
        role: Role,
        scope_path: str,
        display_name: str | None = None,
        one_time: bool = True,
    ) -> NewAccount:
        """A new account with one role and a random password.

        `one_time` makes the owner choose another password at the first log-in. Raises `Conflict`
        when the name is taken. The caller has checked `account.manage`.
        """
        name = name.strip().lower()
        if not name or len(name) > NAME_LENGTH or any(c.isspace() for c in name):
            raise Invalid(
                N_("Tên đăng nhập không được để trống và không có dấu cách."), field="name"
            )
        password = new_password()
        password_hash = self._hasher.hash(password)
        with transaction():
            account_id = self.add(
                actor.name,
                name=name,
                role=role,
                scope_path=scope_path,
                display_name=display_name or name,
                password_hash=password_hash,
                must_change_password=one_time,
            )
        return NewAccount(id=account_id, name=name, password=password)

    def add(
        self,
        actor_name: str,
        *,
        name: str,
        role: Role,
        scope_path: str,
        display_name: str,
        password_hash: str,
        must_change_password: bool,
    ) -> int:
        """The id of a new account, inside the caller's transaction."""
        taken = Conflict(N_("Tên đăng nhập “%(name)s” đã có người dùng."), name=name)
        # Whoever had the server's name in the record would also act in it.
        if name == SYSTEM.name or db.session.scalar(select(Account.id).where(Account.name == name)):
            raise taken
        now = self._clock.now()
        account = Account(
            name=name,
            display_name=display_name,
            password_hash=password_hash,
            must_change_password=must_change_password,
            failed_attempts=0,
            created_at=now,
        )
        db.session.add(account)
        try:
            db.session.flush()
        except IntegrityError as error:  # taken since the question above
            raise taken from error
        db.session.add(
            RoleGrant(
                account_id=account.id,
                role=role,
                scope_path=scope_path,
                granted_by=actor_name,
                valid_from=now,
            )
        )
        self._audit.record(
            actor_name, "account.created", f"account:{name}", role=role, scope=scope_path
        )
        return account.id

    def carry_grants(
        self, granted_by: str, closed: Sequence[str], heirs: Callable[[int, str], Sequence[str]]
    ) -> int:
        """How many roles over closed units were given over those that took over as well.

        `heirs` names their paths, by account and closed path. Inside the caller's transaction;
        the old roles stay, for they open the papers of the past. `granted_by` names the act.
        """
        now = self._clock.now()
        in_force = or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to > now)
        rows = db.session.execute(
            select(RoleGrant.account_id, RoleGrant.role, RoleGrant.scope_path).where(
                RoleGrant.scope_path.in_(closed), in_force
            )
        ).all()
        held = db.session.execute(
            select(RoleGrant.account_id, RoleGrant.role, RoleGrant.scope_path).where(
                RoleGrant.account_id.in_({row.account_id for row in rows}), in_force
            )
        )
        known = {tuple(row) for row in held}
        wanted = dict.fromkeys(
            (row.account_id, row.role, path)
            for row in rows
            for path in heirs(row.account_id, row.scope_path)
        )
        new = [one for one in wanted if one not in known]
        if new:
            db.session.execute(
                insert(RoleGrant),
                [
                    {
                        "account_id": account_id,
                        "role": role,
                        "scope_path": path,
                        "granted_by": granted_by,
                        "valid_from": now,
                    }
                    for account_id, role, path in new
                ],
            )
        return len(new)

    def take_back_grants(self, granted_by: str, paths: Sequence[str]) -> None:
        """What `carry_grants` gave under that name is over; `Conflict` when others gave roles.

        `paths` are those of units that end with it. Inside the caller's transaction.
        """
        now = self._clock.now()
        in_force = or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to > now)
        other = select(RoleGrant.id).where(
            RoleGrant.scope_path.in_(paths), RoleGrant.granted_by != granted_by, in_force
        )
        if db.session.scalar(other.limit(1)) is not None:
            raise Conflict(N_("Đã có tài khoản được cấp quyền ở đơn vị mới."))
        db.session.execute(
            update(RoleGrant)
            .where(RoleGrant.granted_by == granted_by, in_force)
            .values(valid_to=now)
        )

    def log_in(self, name: str, password: str, *, address: str, kind: str = "browser") -> str:
        """A session token for the right name and password; `Forbidden` says no more than "no".

        After ten wrong passwords the name rests for fifteen minutes; the count is stored before
        the answer, so that a killed process gives no free tries.
        """
        name = name.strip().lower()
        account = db.session.scalar(select(Account).where(Account.name == name))
        refused = Forbidden(N_("Tên đăng nhập hoặc mật khẩu không đúng."))
        if account is None or account.disabled_at is not None:
            self._matches(self._dummy, password)
            raise refused
        self._count_attempt(account)
        if not self._matches(account.password_hash, password):
            raise refused
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        with transaction():
            db.session.execute(
                update(Account)
                .where(Account.id == account.id)
                .values(failed_attempts=0, locked_until=None)
            )
            db.session.add(
                Session(
                    token_hash=_digest(token),
                    account_id=account.id,
                    started_at=now,
                    last_seen_at=now,
                    address=address,
                    kind=kind,
                )
            )
            self._audit.record(account.name, "session.started", f"account:{name}", kind=kind)
        return token

    def actor_of_session(self, token: str) -> Actor | None:
        """Who the token belongs to; None when it is unknown, ended, idle or too old."""
        now = self._clock.now()
        session = db.session.get(Session, _digest(token))
        if session is None or session.ended_at is not None:
            return None
        idle = timedelta(minutes=self._settings.session_idle_minutes)
        absolute = timedelta(hours=self._settings.session_absolute_hours)
        if now - session.last_seen_at > idle or now - session.started_at > absolute:
            return None
        account = db.session.get(Account, session.account_id)
        if account is None or account.disabled_at is not None:
            return None
        if now - session.last_seen_at > timedelta(minutes=1):  # a write a minute, not a request
            with transaction():
                db.session.execute(
                    update(Session)
                    .where(Session.token_hash == session.token_hash)
                    .values(last_seen_at=now)
                )
        return self._actor(account)

    def log_out(self, token: str) -> None:
        """The session is over; harmless when it already was."""
        session = db.session.get(Session, _digest(token))
        if session is None or session.ended_at is not None:
            return
        account = db.session.get_one(Account, session.account_id)
        with transaction():
            db.session.execute(
                update(Session)
                .where(Session.token_hash == session.token_hash)
                .values(ended_at=self._clock.now())
            )
            self._audit.record(account.name, "session.ended", f"account:{account.name}")

    def change_password(self, actor: Actor, old: str, new: str, *, keep: str | None = None) -> None:
        """The account has a new password and its other sessions are over; `keep` is one's own."""
        account = db.session.get(Account, actor.account_id)
        if account is None:
            raise NotFound(N_("Không tìm thấy tài khoản."))
        self._count_attempt(account)
        if not self._matches(account.password_hash, old):
            raise Invalid(N_("Mật khẩu hiện tại không đúng."), field="old")
        if len(new) < PASSWORD_LENGTH:
            raise Invalid(
                N_("Mật khẩu mới cần ít nhất %(length)d ký tự."),
                field="new",
                length=PASSWORD_LENGTH,
            )
        if new == old or account.name in new.lower() or len(set(new)) < 5:
            raise Invalid(
                N_("Mật khẩu mới phải khác mật khẩu cũ và khó đoán hơn tên đăng nhập."), field="new"
            )
        password_hash = self._hasher.hash(new)
        now = self._clock.now()
        with transaction():
            db.session.execute(
                update(Account)
                .where(Account.id == account.id)
                .values(
                    password_hash=password_hash,
                    must_change_password=False,
                    failed_attempts=0,
                    locked_until=None,
                )
            )
            others = update(Session).where(
                Session.account_id == account.id, Session.ended_at.is_(None)
            )
            if keep is not None:
                others = others.where(Session.token_hash != _digest(keep))
            db.session.execute(others.values(ended_at=now))
            self._audit.record(account.name, "account.password_changed", f"account:{account.name}")

    def actor_of(self, name: str) -> Actor:
        """The actor behind an account name, for commands given on the server itself."""
        account = db.session.scalar(select(Account).where(Account.name == name.strip().lower()))
        if account is None or account.disabled_at is not None:
            raise NotFound(N_("Không có tài khoản nào tên là “%(name)s”."), name=name)
        return self._actor(account)

    def hash_of(self, password: str) -> str:
        """The argon2id hash that `add` takes; made outside any transaction, for it is slow."""
        return self._hasher.hash(password)

    def _actor(self, account: Account) -> Actor:
        now = self._clock.now()
        grants = db.session.execute(
            select(RoleGrant.role, RoleGrant.scope_path).where(
                RoleGrant.account_id == account.id,
                RoleGrant.valid_from <= now,
                or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to > now),
            )
        )
        return Actor(
            account_id=account.id,
            name=account.name,
            display_name=account.display_name,
            must_change_password=account.must_change_password,
            grants=tuple(Grant(role=Role(role), scope_path=path) for role, path in grants),
        )

    def _count_attempt(self, account: Account) -> None:
        now = self._clock.now()
        with transaction():
            fresh = db.session.get_one(
                Account, account.id, populate_existing=True, with_for_update=True
            )
            if fresh.locked_until is not None and fresh.locked_until > now:
                raise Forbidden(
                    N_("Sai mật khẩu quá nhiều lần. Hãy thử lại sau %(minutes)d phút."),
                    minutes=math.ceil((fresh.locked_until - now) / timedelta(minutes=1)),
                )
            fresh.failed_attempts += 1
            fresh.locked_until = None
            if fresh.failed_attempts >= _ATTEMPTS:
                fresh.failed_attempts = 0
                fresh.locked_until = now + _LOCKED_FOR
                self._audit.record("system", "account.locked", f"account:{fresh.name}")

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerificationError:
            return False


def new_password() -> str:
    """A password to be read aloud or typed once: 16 letters and digits, about 79 bits."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
