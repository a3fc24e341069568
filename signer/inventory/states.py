"""Where an official stands with the service, and what each state means for signing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from signer.errors import N_


class PersonState(StrEnum):
    """The states of domain.md 4, in the order a form lists them."""

    WORKING = "working"
    SECONDED = "seconded"
    ROTATED = "rotated"
    AWAITING_PLACEMENT = "awaiting_placement"
    MATERNITY_LEAVE = "maternity_leave"
    UNPAID_LEAVE = "unpaid_leave"
    LONG_STUDY = "long_study"
    SUSPENDED = "suspended"
    TRANSFERRED = "transferred"
    RETIRED = "retired"
    RESIGNED = "resigned"
    DISMISSED = "dismissed"
    DECEASED = "deceased"


class Consequence(StrEnum):
    """What entering a state asks of the person's certificate (Decree 68/2024, arts 15 and 17)."""

    NONE = "none"
    CHANGE_OR_REVOKE = "change_or_revoke"
    SUSPEND_USE = "suspend_use"
    REVOKE = "revoke"


@dataclass(frozen=True, kw_only=True)
class StateRule:
    """The policy of one state (R11)."""

    label: str
    counted: bool = True
    """Belongs to the denominator of the coverage rate."""
    may_sign: bool = True
    consequence: Consequence = Consequence.NONE
    has_left: bool = False
    """No longer of the city's staff: the official e-mail address may go to somebody else."""


def _away(label: str, consequence: Consequence = Consequence.NONE) -> StateRule:
    return StateRule(label=label, counted=False, may_sign=False, consequence=consequence)


def _left(label: str, consequence: Consequence = Consequence.REVOKE) -> StateRule:
    return replace(_away(label, consequence), has_left=True)


STATE_RULES: Mapping[PersonState, StateRule] = MappingProxyType(
    {
        PersonState.WORKING: StateRule(label=N_("Đang công tác")),
        PersonState.SECONDED: StateRule(label=N_("Biệt phái")),
        PersonState.ROTATED: StateRule(
            label=N_("Điều động, luân chuyển"), consequence=Consequence.CHANGE_OR_REVOKE
        ),
        PersonState.AWAITING_PLACEMENT: StateRule(label=N_("Chờ sắp xếp")),
        # Long leave keeps the certificate but leaves the rate, so that a unit with many young
        # mothers is not ranked below its neighbour for it.
        PersonState.MATERNITY_LEAVE: StateRule(label=N_("Nghỉ thai sản"), counted=False),
        PersonState.UNPAID_LEAVE: _away(N_("Nghỉ không lương")),
        PersonState.LONG_STUDY: _away(N_("Đi học dài hạn")),
        PersonState.SUSPENDED: _away(N_("Tạm đình chỉ công tác"), Consequence.SUSPEND_USE),
        PersonState.TRANSFERRED: _left(N_("Chuyển công tác"), Consequence.CHANGE_OR_REVOKE),
        PersonState.RETIRED: _left(N_("Nghỉ hưu")),
        PersonState.RESIGNED: _left(N_("Thôi việc")),
        PersonState.DISMISSED: _left(N_("Buộc thôi việc")),
        PersonState.DECEASED: _left(N_("Từ trần")),
    }
)

LEFT_STATES: tuple[PersonState, ...] = tuple(s for s, r in STATE_RULES.items() if r.has_left)
