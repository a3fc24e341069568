"""The accounts room: who may log in, and what each may do over which units."""

from signer.accounts.permissions import (
    SYSTEM,
    Actor,
    Grant,
    Permission,
    Role,
    in_subtree,
    visible,
)
from signer.accounts.service import Accounts, NewAccount

__all__ = [
    "SYSTEM",
    "Accounts",
    "Actor",
    "Grant",
    "NewAccount",
    "Permission",
    "Role",
    "in_subtree",
    "visible",
]
