"""Where an official stands with the service, and what each state means for signing."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    counted: bool
    """Belongs to the denominator of the coverage rate."""
    may_sign: bool
    consequence: Consequence
    has_left: bool = False
    """No longer of the city's staff: the official e-mail address may go to somebody else."""


def _rule(
    label: str,
    *,
    counted: bool,
    may_sign: bool,
    consequence: Consequence = Consequence.NONE,
    has_left: bool = False,
) -> StateRule:
    return StateRule(
        label=label,
        counted=counted,
        may_sign=may_sign,
        consequence=consequence,
        has_left=has_left,
    )


def _left(label: str, consequence: Consequence = Consequence.REVOKE) -> StateRule:
    return _rule(label, counted=False, may_sign=False, consequence=consequence, has_left=True)


STATE_RULES: Mapping[PersonState, StateRule] = MappingProxyType(
    {
        PersonState.WORKING: _rule(N_("Đang công tác"), counted=True, may_sign=True),
        PersonState.SECONDED: _rule(N_("Biệt phái"), counted=True, may_sign=True),
        PersonState.ROTATED: _rule(
            N_("Điều động, luân chuyển"),
            counted=True,
            may_sign=True,
            consequence=Consequence.CHANGE_OR_REVOKE,
        ),
        PersonState.AWAITING_PLACEMENT: _rule(N_("Chờ sắp xếp"), counted=True, may_sign=True),
        # Long leave keeps the certificate but leaves the rate, so that a unit with many young
        # mothers is not ranked below its neighbour for it.
        PersonState.MATERNITY_LEAVE: _rule(N_("Nghỉ thai sản"), counted=False, may_sign=True),
        PersonState.UNPAID_LEAVE: _rule(N_("Nghỉ không lương"), counted=False, may_sign=False),
        PersonState.LONG_STUDY: _rule(N_("Đi học dài hạn"), counted=False, may_sign=False),
        PersonState.SUSPENDED: _rule(
            N_("Tạm đình chỉ công tác"),
            counted=False,
            may_sign=False,
            consequence=Consequence.SUSPEND_USE,
        ),
        PersonState.TRANSFERRED: _left(N_("Chuyển công tác"), Consequence.CHANGE_OR_REVOKE),
        PersonState.RETIRED: _left(N_("Nghỉ hưu")),
        PersonState.RESIGNED: _left(N_("Thôi việc")),
        PersonState.DISMISSED: _left(N_("Buộc thôi việc")),
        PersonState.DECEASED: _left(N_("Từ trần")),
    }
)

LEFT_STATES: tuple[PersonState, ...] = tuple(s for s, r in STATE_RULES.items() if r.has_left)
