"""The words and colours for states and kinds, as template filters."""

from datetime import date

from flask import Flask

from signer.accounts import SYSTEM
from signer.campaigns.kinds import TASK_STATE_NAMES, VIEW_WORDS, TaskState
from signer.dossiers.models import STEP_NAMES, StepKind
from signer.errors import N_
from signer.inventory.fields import FIELD_NAMES
from signer.inventory.identity import mask
from signer.inventory.models import PERSON_KIND_NAMES, SEX_NAMES, SIGNING_ROLE_NAMES, OrgUnit
from signer.inventory.policy import rules
from signer.inventory.states import STATE_RULES
from signer.issuance.grounds import GROUNDS, Act, Ground
from signer.issuance.revocation_views import ACT_NAMES, CAUSE_NAMES, DraftView
from signer.issuance.states import STATE_NAMES, SigningState
from signer.web.formats import say, show_date

_STANDING_KINDS: dict[SigningState, str] = {
    SigningState.LACKING: "mute",
    SigningState.REQUESTED: "wait",
    SigningState.APPROVED: "wait",
    SigningState.FAILED: "bad",
    SigningState.READY: "info",
    SigningState.ACTIVE: "ok",
    SigningState.LOCKED: "bad",
    SigningState.SUSPENDED: "wait",
    SigningState.EXPIRED: "mute",
    SigningState.REVOKED: "mute",
}
_DRAFT_HINTS: dict[Act, str] = {
    Act.REVOKE: N_("Người đã rời cơ quan không được ký nữa; việc thu hồi không hoàn tác được."),
    Act.SUSPEND: N_("Người đang tạm đình chỉ công tác không được ký; sau này có thể cho dùng lại."),
    Act.RELEASE: N_("Chứng thư bị tạm dừng vì tạm đình chỉ công tác, nay người này đã trở lại."),
    Act.CHANGE: N_(
        "Lập đề nghị để cấp chứng thư với thông tin mới, giữ nguyên khóa và mã PIN; nếu người này "
        "không ký nữa thì thu hồi."
    ),
}
_WIDE_SPACE = "\u2003"  # an option of a list box keeps this one and drops ordinary spaces


def register(app: Flask) -> None:
    """Templates know the filters below."""
    app.jinja_env.filters.update(
        standing_name=lambda state: say(STATE_NAMES[state]),
        standing_kind=lambda state: _STANDING_KINDS[state],
        person_state=lambda state: say(STATE_RULES[state].label),
        may_sign=lambda state: rules()[state].may_sign,
        person_kind=lambda kind: say(PERSON_KIND_NAMES[kind]) if kind else "",
        sex=lambda sex: say(SEX_NAMES[sex]) if sex else "",
        signing_role=lambda role: say(SIGNING_ROLE_NAMES[role]),
        masked=mask,
        act_name=lambda act: say(ACT_NAMES[Act(act)]),
        ground_name=lambda ground: say(GROUNDS[Ground(ground)].label),
        ground_source=lambda ground: say(GROUNDS[Ground(ground)].source),
        cause_name=lambda cause: say(CAUSE_NAMES[cause]),
        draft_hint=lambda act: say(_DRAFT_HINTS[Act(act)]),
        draft_words=draft_words,
        actor_name=lambda name: say(SYSTEM.display_name) if name == SYSTEM.name else name,
        task_state_name=lambda state: say(TASK_STATE_NAMES[TaskState(state)]),
        view_words=lambda view: say(VIEW_WORDS[view]),
        field_name=lambda field: say(FIELD_NAMES[field]),
        step_name=lambda kind: say(STEP_NAMES[StepKind(kind)]),
    )


def draft_words(draft: DraftView) -> str:
    """What the roster says now, as found by the sweep."""
    if draft.cause == "unit":
        return say(N_("Đơn vị nay là %(unit)s"), unit=draft.found)
    if draft.cause == "email":
        return say(N_("Thư điện tử nay là %(email)s"), email=draft.found)
    day = show_date(date.fromisoformat(draft.found))
    return say(N_("%(cause)s từ ngày %(day)s"), cause=say(draft.cause_name), day=day)


def unit_options(units: list[OrgUnit], everything: str) -> list[tuple[str, str]]:
    """Units as the options of a list box, those below others indented; first, all of them."""
    top = min((unit.path.count(".") for unit in units), default=0)
    return [("", everything)] + [
        (unit.code, _WIDE_SPACE * (unit.path.count(".") - top) + unit.name) for unit in units
    ]
