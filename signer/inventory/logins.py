"""Log-ins for people of the roster: how an official first gets in."""

from sqlalchemy import select, update

from signer.accounts import Accounts, Actor, NewAccount, Permission, Role
from signer.accounts.service import NAME_LENGTH, new_password
from signer.audit import Audit
from signer.db import db, transaction
from signer.errors import N_, Conflict
from signer.inventory.models import Person
from signer.inventory.service import Inventory


class Logins:
    """Opens an account for a person, so that the person can set a PIN and sign."""

    def __init__(self, accounts: Accounts, inventory: Inventory, audit: Audit) -> None:
        self._accounts = accounts
        self._inventory = inventory
        self._audit = audit

    def open(self, actor: Actor, code: str) -> NewAccount:
        """A signer's account under the official e-mail (or the code), with a one-time password.

        Stored in one commit with its link to the person. `Conflict` when the person has one.
        """
        person = self._inventory.person_of(actor, code)
        actor.require(Permission.ACCOUNT_OPEN, person.unit_path)
        email = person.email if person.email and len(person.email) <= NAME_LENGTH else None
        name = (email or person.code).lower()
        password = new_password()
        password_hash = self._accounts.hash_of(password)
        with transaction():
            account_id = self._accounts.add(
                actor.name,
                name=name,
                role=Role.SIGNER,
                scope_path=person.unit_path,
                display_name=person.full_name,
                password_hash=password_hash,
                must_change_password=True,
            )
            self._link(actor, person, account_id)
        return NewAccount(id=account_id, name=name, password=password)

    def find_person_for(self, account_name: str) -> Person | None:
        """The person without an account whose code or official e-mail is that name."""
        name = account_name.strip()
        return db.session.scalar(
            select(Person).where(
                (Person.code == name.upper()) | (Person.email == name.lower()),
                Person.account_id.is_(None),
            )
        )

    def _link(self, actor: Actor, person: Person, account_id: int) -> None:
        free = update(Person).where(Person.id == person.id, Person.account_id.is_(None))
        linked = db.session.scalars(free.values(account_id=account_id).returning(Person.id)).all()
        if not linked:
            raise Conflict(N_("Người này đã có tài khoản đăng nhập."))
        self._audit.record(
            actor.name, "person.account_linked", f"person:{person.code}", account_id=account_id
        )
