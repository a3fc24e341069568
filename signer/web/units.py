"""The units of any day, what each is, and the guided act that changes them."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_, Invalid
from signer.inventory.bodies import DUTY_NAMES, BodyFacts, Duty
from signer.inventory.kinds import UNIT_KIND_NAMES, UnitKind
from signer.inventory.structure_models import CHANGE_STATE_NAMES
from signer.inventory.structure_plan import ACT_NAMES, ActKind, Heir, UnitAct
from signer.inventory.tree import predecessors, successors
from signer.issuance.rehoming import certified_in
from signer.services import services
from signer.web.access import actor
from signer.web.formats import say
from signer.web.forms import FormError, choice, day_from, required
from signer.web.labels import unit_options
from signer.web.pages import Pages, told

blueprint = Pages("units", __name__)
_MANAGE, _VIEW = Permission.UNIT_MANAGE, Permission.UNIT_VIEW

_DESCRIPTIONS: dict[ActKind, str] = {
    ActKind.OPEN: N_("Thêm một đơn vị chưa có, dưới một đơn vị cấp trên."),
    ActKind.CLOSE: N_("Đơn vị không còn nữa; người của đơn vị sang một đơn vị đang có."),
    ActKind.RENAME: N_("Tên mới từ một ngày; mã, người và đơn vị trực thuộc giữ nguyên."),
    ActKind.MOVE: N_("Cả đơn vị, cùng người và đơn vị trực thuộc, sang dưới một đơn vị khác."),
    ActKind.MERGE: N_("Nhiều đơn vị thành một đơn vị mới, hoặc nhập vào một đơn vị đang có."),
    ActKind.SPLIT: N_("Một đơn vị thành nhiều đơn vị; người được chia theo mã hoặc theo phòng."),
}
_COLOURS = dict(zip(CHANGE_STATE_NAMES, ("wait", "info", "ok", "bad", "info", "mute"), strict=True))
STATES = {state: (_COLOURS[state], name) for state, name in CHANGE_STATE_NAMES.items()}


@blueprint.page("/units", _VIEW)
def index() -> ResponseReturnValue:
    """The tree of a day, as far as the visitor may see it, and the newest acts."""
    errors: tuple[FormError, ...] = ()
    try:
        day = day_from(request.args, "as_of")
    except Invalid as error:
        day, errors = None, (FormError(field=error.field, error=error),)
    today = services().clock.today()
    found = services().inventory.units(day)
    mine = [unit for unit in found if actor().can(_VIEW, unit.path)]
    return render_template(
        "units/index.html",
        units=mine,
        top=min((unit.path.count(".") for unit in mine), default=0),
        kinds=UNIT_KIND_NAMES,
        day=day or today,
        today=today,
        changes=services().inventory.structure.changes(actor()),
        act_names=ACT_NAMES,
        states=STATES,
        errors=errors,
    ), 400 if errors else 200


@blueprint.page("/units/<code>", _VIEW)
def show(code: str, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """One unit as of a day: what it is, its officers, where it came from and went."""
    day = day_from(request.args, "as_of")
    inventory = services().inventory
    unit = inventory.structure.unit(actor(), code, day)
    duties = inventory.bodies.duties_of(unit.id)
    return render_template(
        "units/show.html",
        unit=unit,
        kinds=UNIT_KIND_NAMES,
        parent=inventory.units_by_ids([unit.parent_id or 0]).get(unit.parent_id or 0),
        children=inventory.children(unit, day or unit.valid_to),
        before=predecessors(unit.id),
        after=successors(unit.id),
        officers={one.duty: one for one in duties if one.valid_to is None},
        duties=duties,
        duty_names=DUTY_NAMES,
        changes=inventory.structure.changes(actor(), unit=unit),
        act_names=ACT_NAMES,
        states=STATES,
        today=services().clock.today(),
        may_manage=unit.valid_to is None and actor().can(_MANAGE, unit.path),
        errors=errors,
    )


@blueprint.form("/units/<code>/facts", _MANAGE, again=show)
def set_facts(code: str) -> None:
    """The body's status, seal and codes are those of the form."""
    form = request.form
    facts = BodyFacts(
        has_legal_status="has_legal_status" in form,
        has_seal="has_seal" in form,
        tax_code=form.get("tax_code"),
        budget_code=form.get("budget_code"),
        electronic_code=form.get("electronic_code"),
    )
    services().inventory.bodies.set_facts(actor(), _seen(code), facts)
    flash(_("Đã ghi thông tin của đơn vị."), "ok")


@blueprint.form("/units/<code>/officers", _MANAGE, again=show)
def name_officer(code: str) -> None:
    """Somebody has the duty from the day of the form; whoever had it, had it until then."""
    duty = choice(Duty, request.form.get("duty"))
    if duty is None:
        raise Invalid(N_("Hãy chọn nhiệm vụ."), field="duty")
    services().inventory.bodies.name_officer(
        actor(),
        _seen(code),
        duty,
        person_code=required("person"),
        decision=required("decision"),
        on=day_from(request.form, "on"),
    )
    flash(_("Đã ghi phân công."), "ok")


@blueprint.form("/units/<code>/officers/<any(focal, deputy):duty>/end", _MANAGE, again=show)
def end_officer(code: str, duty: str) -> None:
    """Nobody has the duty after today."""
    services().inventory.bodies.end_officer(actor(), _seen(code), Duty(duty))
    flash(_("Đã kết thúc phân công."), "ok")


@blueprint.page("/unit-changes/new", _MANAGE)
def choose(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """Which act; then the form that fits it, with what is known filled in."""
    kind = choice(ActKind, request.values.get("kind"))
    units = services().inventory.visible_units(actor(), _MANAGE)
    return render_template(
        "units/choose.html" if kind is None else "units/act.html",
        kind=kind,
        names=ACT_NAMES,
        descriptions=_DESCRIPTIONS,
        code=request.values.get("codes", ""),
        units=unit_options(units, _("Hãy chọn")),
        kinds=[
            ("", _("Như đơn vị kết thúc")),
            *((k, say(name)) for k, name in UNIT_KIND_NAMES.items()),
        ],
        parts=min(max(request.values.get("parts", 2, type=int), 2), 20),
        today=services().clock.today(),
        typed=request.form,
        errors=errors,
    )


@blueprint.page("/unit-changes/preview", _MANAGE)
def start_over() -> ResponseReturnValue:
    """A page that was the answer to a form has no address of its own: back to the form."""
    return redirect(url_for(".choose"))


@blueprint.form("/unit-changes/preview", _MANAGE, again=choose)
def preview() -> ResponseReturnValue:
    """What would happen to units, people and certificates; nothing has been changed."""
    return _previewed()


def _previewed(errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    act = _act()
    if "back" in request.form:
        return choose()
    seen = services().inventory.structure.preview(actor(), act)
    return render_template(
        "units/preview.html",
        seen=seen,
        names=ACT_NAMES,
        certificates=certified_in(seen.renamed_ids),
        carried=[
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in ("csrf_token", "back")
        ],
        errors=errors,
    )


@blueprint.form("/unit-changes", _MANAGE, again=_previewed)
def carry_out() -> ResponseReturnValue:
    """The act is done, planned, or a job does it; its own page says which."""
    made = services().inventory.structure.carry_out(actor(), _act())
    if made.job_id is not None:
        done = _("Đơn vị đã đổi; người đang được chuyển. Trang này cho biết tiến độ.")
    elif made.state == "planned":
        done = _("Đã ghi lại; việc này được thực hiện vào ngày đã chọn.")
    else:
        done = _("Đã thực hiện. %(count)s người đã sang đơn vị mới.", count=made.people)
    return told(done, ".change", change_id=made.id)


@blueprint.page("/unit-changes/<int:change_id>", _VIEW)
def change(change_id: int, errors: tuple[FormError, ...] = ()) -> ResponseReturnValue:
    """What an act did, how far it is, and the way back."""
    found = services().inventory.structure.change(actor(), change_id)
    job = services().jobs.progress(found.job_id) if found.job_id is not None else None
    return render_template(
        "units/change.html",
        change=found,
        job=job,
        names=ACT_NAMES,
        states=STATES,
        may_manage=actor().can(_MANAGE, found.scope_path),
        errors=errors,
    )


@blueprint.form("/unit-changes/<int:change_id>/undo", _MANAGE, again=change)
def undo(change_id: int) -> None:
    """Everything is as before the act; what hangs on it is named instead."""
    services().inventory.structure.undo(actor(), change_id)
    flash(_("Đã hoàn tác."), "ok")


def _seen(code: str) -> str:
    """The code of a unit that the visitor may see; of another one nobody hears."""
    return services().inventory.structure.unit(actor(), code).code


def _act() -> UnitAct:
    """The act that the form says; the parts of it that make no sense are the plan's to refuse."""
    form = request.form
    kind = choice(ActKind, form.get("kind"))
    if kind is None:
        raise Invalid(N_("Hãy chọn việc cần làm."), field="kind")
    on = day_from(form, "on")
    if on is None:
        raise Invalid(N_("Hãy chọn ngày bắt đầu có hiệu lực."), field="on")
    codes = [code for text in form.getlist("codes") for code in text.split()]
    columns = [form.getlist(f"heir_{name}") for name in ("code", "name", "kind", "takes")]
    longest = max(map(len, columns))
    rows = zip(*(column + [""] * (longest - len(column)) for column in columns), strict=True)
    heirs = [
        Heir(
            code=code.strip(),
            name=name.strip(),
            kind=choice(UnitKind, unit_kind),
            takes=tuple(word.strip() for word in takes.splitlines() if word.strip()),
        )
        for code, name, unit_kind, takes in rows
        if code.strip() or name.strip() or takes.strip()
    ]
    if kind in (ActKind.RENAME, ActKind.MOVE):  # the code stays, so nobody types it
        heirs = [Heir(code=codes[0] if codes else "", name=form.get("heir_name", "").strip())]
    return UnitAct(
        kind=kind,
        on=on,
        decision=form.get("decision", "").strip(),
        codes=tuple(dict.fromkeys(codes)),
        heirs=tuple(heirs),
        parent_code=form.get("parent", "").strip() or None,
    )
