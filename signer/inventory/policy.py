"""Which states of service are counted, may sign, and ask something of a certificate (R11)."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sqlalchemy import select

from signer.db import db
from signer.inventory.models import StatePolicy
from signer.inventory.states import STATE_RULES, PersonState, StateRule

DECIDED = ("counted", "may_sign", "consequence")
"""What the city decides of a state's rule."""
_RULES = "signer.state_policy"


def rules() -> Mapping[PersonState, StateRule]:
    """The rule of every state as this transaction sees it, in the order a form lists them."""
    session = db.session()
    kept = session.info.get(_RULES)
    if kept is None or kept[0] is not session.get_transaction():
        found = dict(STATE_RULES)
        columns = [getattr(StatePolicy, name) for name in DECIDED]
        for state, *decided in session.execute(select(StatePolicy.state, *columns)):
            found[state] = replace(found[state], **dict(zip(DECIDED, decided, strict=True)))
        kept = session.get_transaction(), MappingProxyType(found)
        session.info[_RULES] = kept
    return kept[1]


def forget_rules() -> None:
    """The next `rules()` of this transaction reads what was stored in it."""
    db.session().info.pop(_RULES, None)


def counted_states() -> tuple[PersonState, ...]:
    """The states whose people belong to the denominator of the coverage rate."""
    return tuple(state for state, rule in rules().items() if rule.counted)
