"""One person's page: the facts, the certificate, what happened to both; correcting the facts."""

from collections.abc import Mapping
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import NewAccount, Permission
from signer.errors import N_, Invalid
from signer.inventory.fields import Field
from signer.inventory.kinds import PERSON_KIND_NAMES, SEX_NAMES, SIGNING_ROLE_NAMES, SigningRole
from signer.inventory.persons import FIELDS, Correction
from signer.inventory.sheets import Cell
from signer.inventory.states import STATE_RULES
from signer.services import services
from signer.web.access import actor
from signer.web.audit_words import ACTION_NAMES
from signer.web.formats import say
from signer.web.forms import FormError, day_from
from signer.web.labels import unit_options
from signer.web.pages import told
from signer.web.people import blueprint

_EDIT = Permission.PERSON_EDIT

ACT_STATES = {
    "ordered": N_("Đang thực hiện"),
    "done": N_("Đã thực hiện"),
    "dismissed": N_("Đã bỏ qua"),
}
"""How far an act upon a certificate is."""
_EVENTS_SHOWN = 20
_ACTS_SHOWN = 20


@blueprint.page("/people/<code>", Permission.PERSON_VIEW)
def show(code: str, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """One person: the facts, the certificate, and what happened to both."""
    return _page(code, errors=errors)


@blueprint.form("/people/<code>/id-number", Permission.PERSON_REVEAL, again=show)
def reveal(code: str) -> ResponseReturnValue:
    """The full identity number on this one page; the look and its purpose are recorded (R5)."""
    purpose = request.form.get("purpose", "")
    return _page(code, id_number=services().inventory.persons.reveal_id(actor(), code, purpose))


@blueprint.form("/people/<code>/reactivation", Permission.CERTIFICATE_REVOKE, again=show)
def reactivate(code: str) -> None:
    """A locked key is replaced; the person sets a PIN again."""
    services().issuance.allow_reactivation(actor(), code)
    flash(_("Đã cấp lại khóa ký. Người này cần đăng nhập và đặt mã PIN mới."), "ok")


@blueprint.form("/people/<code>/account", Permission.ACCOUNT_OPEN, again=show)
def open_account(code: str) -> ResponseReturnValue:
    """The person has a log-in; its one-time password is on this one page and nowhere else."""
    made = services().logins.open(actor(), code)
    return _page(code, account=made)


@blueprint.page("/people/new", _EDIT)
def new_page(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """An empty form for one person; a unit may come with the address."""
    return _form(None, errors)


@blueprint.form("/people/new", _EDIT, again=new_page)
def add() -> ResponseReturnValue:
    """First what would be stored and what is doubtful about it; confirmed, the person is there."""
    return _entered(None)


@blueprint.page("/people/<code>/edit", _EDIT)
def edit_page(code: str, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """The form with the facts as they are, but for the identity number, which stays masked."""
    return _form(code, errors)


@blueprint.form("/people/<code>/edit", _EDIT, again=edit_page)
def edit(code: str) -> ResponseReturnValue:
    """First what would change and what it does to the certificate; confirmed, it is changed."""
    return _entered(code)


def _page(
    code: str,
    *,
    id_number: str | None = None,
    account: NewAccount | None = None,
    errors: tuple[FormError, ...] = (),
) -> ResponseReturnValue:
    inventory, revoking = services().inventory, services().issuance.revoking
    person = inventory.person_of(actor(), code)
    history = inventory.history_of(person.id)
    units = inventory.units_by_ids({person.unit_id, *(period.unit_id for period in history)})
    sees_record = actor().can(Permission.AUDIT_VIEW, person.unit_path)
    subject = f"person:{person.code}"
    may_revoke = actor().can(Permission.CERTIFICATE_REVOKE, person.unit_path)
    return render_template(
        "people/show.html",
        person=person,
        unit=units[person.unit_id],
        units=units,
        history=history,
        standing=services().issuance.states_of([person.id])[person.id],
        survivor=inventory.duplicates.survivor_of(person),
        pairs=inventory.duplicates.pairs_of(actor(), person.id),
        id_number=id_number,
        account=account,
        errors=errors,
        names=ACTION_NAMES,
        may_revoke=may_revoke,
        act_states=ACT_STATES,
        acts=revoking.history(actor(), person_id=person.id, limit=_ACTS_SHOWN)
        if may_revoke
        else (),
        events=services().audit.events(subject=subject, limit=_EVENTS_SHOWN) if sees_record else (),
    )


def _form(code: str | None, errors: tuple[FormError, ...] = ()) -> str:
    """The form, with what was typed before, else what is stored."""
    inventory = services().inventory
    person = inventory.person_of(actor(), code) if code is not None else None
    stored = inventory.persons.cells_of(person) if person else {}
    values = {field.value: "" if cell is None else str(cell) for field, cell in stored.items()}
    values.setdefault("unit", request.args.get("unit", ""))
    values["effective_on"] = services().clock.today().isoformat()
    roles: list[str] = list(person.signing_roles or ()) if person else []
    values.pop("id_number", None)
    if request.method == "POST":
        values |= request.form.to_dict()
        roles = request.form.getlist("signing_roles")
    return render_template(
        "people/edit.html",
        person=person,
        values=values,
        roles=roles,
        roles_known=person is not None and person.signing_roles is not None,
        seen=request.form.get("seen") or (person.updated_at.isoformat() if person else ""),
        errors=errors,
        units=unit_options(inventory.visible_units(actor(), _EDIT), _("Chọn đơn vị")),
        sexes=[("", "—"), *((sex.value, say(name)) for sex, name in SEX_NAMES.items())],
        kinds=[("", "—"), *((kind.value, say(name)) for kind, name in PERSON_KIND_NAMES.items())],
        states=[(state.value, say(rule.label)) for state, rule in STATE_RULES.items()],
        role_names=SIGNING_ROLE_NAMES,
    )


def _entered(code: str | None) -> ResponseReturnValue:
    """The form again, the question whether to store, or the person's page with it stored."""
    if "again" in request.form:
        return _form(code)
    persons = services().inventory.persons
    cells, day = _cells(), day_from(request.form, "effective_on")
    if "confirmed" in request.form:
        done = persons.store(actor(), cells, code=code, effective_on=day, seen=_seen())
        assert done.after is not None, "what was stored has facts"
        new = done.after.code
        return told(_("Đã lưu hồ sơ %(code)s.", code=new), ".show", code=new)
    found = persons.check(actor(), cells, code=code, effective_on=day)
    if found.errors:
        errors = tuple(FormError(field=error.field, error=error) for error in found.errors)
        return _form(code, errors), 400
    if code is not None and not found.changes:
        flash(_("Không có gì thay đổi."), "info")
        return redirect(url_for(".show", code=code))
    return _question(code, found)


def _question(code: str | None, found: Correction) -> str:
    person = services().inventory.person_of(actor(), code) if code is not None else None
    ids = {facts.unit_id for facts in (found.before, found.after) if facts}
    return render_template(
        "people/confirm.html",
        person=person,
        found=found,
        names=[name for name in found.changes if name != "id_number_kind"],
        units=services().inventory.units_by_ids(ids),
        standing=services().issuance.states_of([person.id])[person.id] if person else None,
        typed=[
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in ("csrf_token", "again", "confirmed")
        ],
    )


def _cells() -> Mapping[Field, Cell]:
    """What was typed, as a roster's cells; an identity number is kept unless a new one came."""
    form = request.form
    cells: dict[Field, Cell] = {f: form[f.value].strip() for f in FIELDS if f.value in form}
    chosen = [role for role in form.getlist("signing_roles") if role in list(SigningRole)]
    if chosen or form.get("roles_known"):  # nothing ticked means "none" only where it was known
        cells[Field.SIGNING_ROLES] = ", ".join(chosen) or "không"
    else:
        cells.pop(Field.SIGNING_ROLES, None)
    if not cells.get(Field.ID_NUMBER) and "no_id_number" not in form:
        cells.pop(Field.ID_NUMBER, None)
    return cells


def _seen() -> datetime | None:
    """When the entry was last changed, as the form was told."""
    text = request.form.get("seen", "")
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(N_("Biểu mẫu này không còn đúng; hãy mở lại.")) from error
