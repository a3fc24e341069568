"""Ending, holding and releasing certificates: choosing, what will happen, the deed, the record."""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Conflict, Invalid, NotFound
from signer.issuance.grounds import Act, Ground, GroundRule, grounds_for
from signer.issuance.ordering import rule_of, warrant_of
from signer.issuance.revocation_views import DraftView
from signer.services import services
from signer.web.access import actor
from signer.web.formats import say
from signer.web.forms import FormError, choice, number_in_query, numbers_in, required
from signer.web.pages import Pages, told
from signer.web.pasted import names_in
from signer.web.person import ACT_STATES
from signer.web.person import show as person_page

blueprint = Pages("revocations", __name__)
_REVOKE = Permission.CERTIFICATE_REVOKE

ACTS = (Act.REVOKE, Act.SUSPEND, Act.RELEASE)
_DONE = {
    Act.REVOKE: N_("Đã thu hồi chứng thư của %(count)d người."),
    Act.SUSPEND: N_("Đã tạm dừng chứng thư của %(count)d người; cho dùng lại được khi cần."),
    Act.RELEASE: N_("Đã cho dùng lại chứng thư của %(count)d người."),
}
PAGE_SIZE = 50
LINES_SHOWN = 500
"""More than a clerk reads before agreeing; the figures above the lines count everybody."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the form says, as it was typed; it is carried from page to page until it is done."""

    names: tuple[str, ...]
    act: str
    ground: str
    document_ref: str
    note: str
    is_chosen: bool
    """The people were chosen on another page, so they are listed and not typed."""


@blueprint.page("/revocations", _REVOKE)
def choose(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form; people come as `person`, as drafts of the roster, or are typed into it."""
    if request.args.get("source") == "drafts" and not request.args.getlist("draft"):
        flash(_("Hãy chọn ít nhất một người trong danh sách."), "warn")
        return redirect(url_for(".drafts"))
    wish = _wish()
    known = services().inventory.people_by_codes(actor(), wish.names) if wish.is_chosen else {}
    return render_template(
        "revocations/choose.html",
        wish=wish,
        people=sorted(known.values(), key=lambda person: person.sort_key),
        acts=ACTS,
        grounds={act: _by_source(grounds_for(act)) for act in ACTS},
        errors=errors,
    )


@blueprint.page("/revocations/preview", _REVOKE)
@blueprint.page("/revocations/again", _REVOKE)
def start_over() -> ResponseReturnValue:
    """A page that was the answer to a form has no address of its own: back to the form."""
    return redirect(url_for(".choose"))


@blueprint.form("/revocations/again", _REVOKE)
def choose_again() -> ResponseReturnValue:
    """The form with everything that was entered."""
    return choose()


@blueprint.form("/revocations/preview", _REVOKE, again=choose)
def preview() -> ResponseReturnValue:
    """What would happen to each of these people; nothing has been changed."""
    return _previewed()


def _previewed(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    wish = _wish()
    act, ground = _act_of(wish), _ground_of(wish)
    warrant_of(rule_of(act, ground), wish.document_ref, wish.note)
    seen = services().issuance.revoking.preview(
        actor(), act=act, person_codes=wish.names, ground=ground
    )
    return render_template(
        "revocations/preview.html", seen=seen, wish=wish, shown=LINES_SHOWN, errors=errors
    )


@blueprint.form("/revocations", _REVOKE, again=_previewed)
def order() -> ResponseReturnValue:
    """Done, or a job that does it; who was refused meanwhile is listed with the reason."""
    wish = _wish()
    act = _act_of(wish)
    if act is Act.REVOKE and request.form.get("confirmed") != str(len(wish.names)):
        raise Invalid(
            N_("Hãy đánh dấu vào ô xác nhận: việc thu hồi không thể hoàn tác."), field="confirmed"
        )
    made = services().issuance.revoking.order(
        actor(),
        act=act,
        person_codes=wish.names,
        ground=_ground_of(wish),
        document_ref=wish.document_ref,
        note=wish.note,
    )
    if made.refused:
        return render_template("revocations/result.html", made=made, act=act, shown=LINES_SHOWN)
    if made.job_id is not None:
        return told(_("Đã nhận lệnh. Trang này cho biết tiến độ."), "jobs.show", job_id=made.job_id)
    flash(say(_DONE[act], count=made.done), "ok")
    if len(wish.names) == 1 and services().inventory.people_by_codes(actor(), wish.names):
        return redirect(url_for("people.show", code=wish.names[0]))
    return redirect(url_for(".history"))


@blueprint.form("/people/<code>/block", _REVOKE, again=person_page)
def block(code: str) -> ResponseReturnValue:
    """One click: nothing can be signed with the key any more; the paper follows (R28).

    A hold, so that a false alarm can be undone; the revocation is ordered when it was none.
    """
    made = services().issuance.revoking.order(
        actor(),
        act=Act.SUSPEND,
        person_codes=[code],
        ground=Ground.KEY_EXPOSED,
        document_ref="",
        note=request.form.get("note", ""),
    )
    if made.refused:
        raise Conflict(made.refused[0].sentence)
    flash(
        _(
            "Đã chặn ký từ lúc này. Nếu khóa đúng là đã lộ, hãy thu hồi chứng thư; nếu không phải, "
            "hãy cho dùng lại."
        ),
        "ok",
    )
    return redirect(url_for("people.show", code=code))


@blueprint.page("/revocations/history", _REVOKE)
def history() -> ResponseReturnValue:
    """What was ordered, done and dismissed: on what ground and paper, by whom, when."""
    acts = services().issuance.revoking.history(
        actor(), before=number_in_query("before"), limit=PAGE_SIZE
    )
    return render_template(
        "revocations/history.html",
        acts=acts,
        states=ACT_STATES,
        oldest=acts[-1].id if len(acts) == PAGE_SIZE else None,
    )


@blueprint.page("/drafts", _REVOKE)
def drafts() -> ResponseReturnValue:
    """What the roster asks of certificates, like with like, so that one ground fits the choice."""
    found = services().issuance.revoking.drafts(
        actor(), before=number_in_query("before"), limit=PAGE_SIZE
    )
    groups: dict[tuple[Act, str], list[DraftView]] = {}
    for draft in found:
        groups.setdefault((draft.act, draft.cause), []).append(draft)
    return render_template(
        "revocations/drafts.html",
        groups=groups,
        count=services().issuance.revoking.count_drafts(actor()),
        oldest=found[-1].id if len(found) == PAGE_SIZE else None,
    )


@blueprint.page("/drafts/dismissal", _REVOKE)
def dismissal_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Who is to be passed over, and the question why."""
    chosen = numbers_in("draft")
    if not chosen:
        flash(_("Hãy chọn ít nhất một người trong danh sách."), "warn")
        return redirect(url_for(".drafts"))
    found = services().issuance.revoking.drafts_of(actor(), chosen)
    return render_template("revocations/dismissal.html", drafts=found, errors=errors)


@blueprint.form("/drafts/dismissal", _REVOKE, again=dismissal_page)
def dismiss() -> ResponseReturnValue:
    """The drafts are over and stay in the record; those somebody else dealt with are left so."""
    reason = required("reason", N_("Hãy ghi lý do bỏ qua, không quá 500 ký tự."))
    done = 0
    for draft_id in numbers_in("draft"):
        try:
            services().issuance.revoking.dismiss(actor(), draft_id, reason)
        except (NotFound, Conflict):
            continue
        done += 1
    return told(_("Đã bỏ qua %(count)s việc.", count=done), ".drafts")


def _wish() -> Wish:
    """What the form, or the address that leads to it, says."""
    values = request.values
    drafted = numbers_in("draft")
    drafts_chosen = services().issuance.revoking.drafts_of(actor(), drafted) if drafted else []
    chosen = [draft.code for draft in drafts_chosen] + request.args.getlist("person")
    act = values.get("act", "")
    return Wish(
        names=tuple(dict.fromkeys(chosen)) or tuple(names_in(values.get("person_codes", ""))),
        act=act,
        ground=values.get(f"ground_{act}", "") or values.get("ground", ""),
        document_ref=values.get("document_ref", ""),
        note=values.get("note", ""),
        is_chosen=bool(chosen or values.get("chosen")),
    )


def _act_of(wish: Wish) -> Act:
    found = next((act for act in ACTS if act == wish.act), None)
    if found is None:
        raise Invalid(N_("Hãy chọn việc cần làm."), field="act")
    return found


def _ground_of(wish: Wish) -> Ground | None:
    return choice(Ground, wish.ground)


def _by_source(rules: tuple[GroundRule, ...]) -> dict[str, list[GroundRule]]:
    """The grounds under the article they come from, in the order of the lists."""
    grouped: dict[str, list[GroundRule]] = {}
    for rule in rules:
        grouped.setdefault(rule.source, []).append(rule)
    return grouped
