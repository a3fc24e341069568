"""Entries that look like one person: compared, merged, kept apart, and taken back (R10)."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_
from signer.inventory.likeness import Likeness
from signer.services import services
from signer.web.access import actor
from signer.web.forms import FormError, required
from signer.web.pages import Pages

blueprint = Pages("duplicates", __name__)

PAGE_SIZE = 50
LIKENESSES = {
    Likeness.ID_NUMBER: N_("Cùng số định danh"),
    Likeness.EMAIL: N_("Cùng thư điện tử"),
    Likeness.NAME_BIRTH: N_("Cùng họ tên và ngày sinh"),
}
STATES = {
    "proposed": N_("Chờ quyết định"),
    "merged": N_("Đã gộp"),
    "kept_apart": N_("Là hai người"),
    "lapsed": N_("Không còn giống nhau"),
}
_COMPARED = (
    "code",
    "full_name",
    "birth_date",
    "sex",
    "id_number",
    "email",
    "mobile",
    "unit_id",
    "division",
    "title",
    "kind",
    "state",
    "state_since",
)


@blueprint.page("/duplicates", Permission.PERSON_EDIT)
def index(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Pairs that wait for a decision, the surest first; or those that were decided."""
    is_decided = request.args.get("decided") == "1"
    page = services().inventory.duplicates.pairs(
        actor(), are_decided=is_decided, after=request.args.get("after") or None, limit=PAGE_SIZE
    )
    people = [person for pair in page.items for person in (pair.first, pair.second)]
    return render_template(
        "duplicates/index.html",
        page=page,
        is_decided=is_decided,
        units=services().inventory.units_by_ids({person.unit_id for person in people}),
        likenesses=LIKENESSES,
        states=STATES,
        errors=errors,
    )


@blueprint.form("/duplicates", Permission.PERSON_EDIT, again=index)
def compare() -> ResponseReturnValue:
    """The page that compares two persons whom nothing proposed."""
    sentence = N_("Ghi mã của cả hai người.")
    codes = required("first", sentence), required("second", sentence)
    pair = services().inventory.duplicates.pair_with(actor(), *codes)
    return redirect(url_for(".show", pair_id=pair.id))


@blueprint.page("/duplicates/<int:pair_id>", Permission.PERSON_EDIT)
def show(pair_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Two persons side by side, and what may be done."""
    pair = services().inventory.duplicates.pair_of(actor(), pair_id)
    both = (pair.first, pair.second)
    return render_template(
        "duplicates/show.html",
        pair=pair,
        names=_COMPARED,
        units=services().inventory.units_by_ids({person.unit_id for person in both}),
        standings=services().issuance.states_of([person.id for person in both]),
        likenesses=LIKENESSES,
        states=STATES,
        errors=errors,
    )


@blueprint.form("/duplicates/<int:pair_id>", Permission.PERSON_EDIT, again=show)
def decide(pair_id: int) -> None:
    """Merged into the chosen person, kept apart, or the decision taken back."""
    duplicates, outcome = services().inventory.duplicates, request.form.get("outcome")
    if outcome == "merge":
        code = request.form.get("survivor", "")
        duplicates.merge(actor(), pair_id, code)
        flash(_("Đã gộp vào hồ sơ %(code)s.", code=code), "ok")
    elif outcome == "take_back":
        duplicates.take_back(actor(), pair_id)
        flash(_("Đã bỏ quyết định trước; hai hồ sơ lại được tính riêng từ hôm nay."), "ok")
    elif outcome == "keep_apart":
        duplicates.keep_apart(actor(), pair_id)
        flash(_("Đã ghi nhận đây là hai người khác nhau."), "ok")
