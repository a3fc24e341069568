"""The words and colours for states and kinds, as template filters."""

from flask import Flask

from signer.inventory.models import PERSON_KIND_NAMES, SEX_NAMES, OrgUnit, PersonKind, Sex
from signer.inventory.states import STATE_RULES, PersonState
from signer.issuance.states import STATE_NAMES, SigningState
from signer.web.formats import say

_STANDING_KINDS: dict[SigningState, str] = {
    SigningState.LACKING: "mute",
    SigningState.REQUESTED: "wait",
    SigningState.APPROVED: "wait",
    SigningState.FAILED: "bad",
    SigningState.READY: "info",
    SigningState.ACTIVE: "ok",
    SigningState.LOCKED: "bad",
    SigningState.EXPIRED: "mute",
    SigningState.REVOKED: "mute",
}
_WIDE_SPACE = "\u2003"  # an option of a list box keeps this one and drops ordinary spaces


def register(app: Flask) -> None:
    """Templates know the filters below."""
    app.jinja_env.filters.update(
        standing_name=lambda state: say(STATE_NAMES[state]),
        standing_kind=lambda state: _STANDING_KINDS[state],
        person_state=lambda state: say(STATE_RULES[state].label),
        may_sign=may_sign,
        person_kind=person_kind,
        sex=sex,
        masked=masked,
    )


def may_sign(state: PersonState) -> bool:
    """True when somebody in this state may be given a certificate."""
    return STATE_RULES[state].may_sign


def person_kind(kind: PersonKind | None) -> str:
    """Cán bộ, công chức, viên chức or người lao động; nothing when it is not known."""
    return say(PERSON_KIND_NAMES[kind]) if kind is not None else ""


def sex(value: Sex | None) -> str:
    """Nam or nữ; nothing when it is not known."""
    return say(SEX_NAMES[value]) if value is not None else ""


def masked(id_number: str | None) -> str:
    """The first three and the last three digits: enough to tell two people apart (R5)."""
    if not id_number:
        return ""
    return id_number[:3] + "•" * (len(id_number) - 6) + id_number[-3:]


def unit_options(units: list[OrgUnit], everything: str) -> list[tuple[str, str]]:
    """Units as the options of a list box, those below others indented; first, all of them."""
    top = min((unit.path.count(".") for unit in units), default=0)
    return [("", everything)] + [
        (unit.code, _WIDE_SPACE * (unit.path.count(".") - top) + unit.name) for unit in units
    ]
