"""The people of one's own units: who has a certificate, who lacks one."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_
from signer.inventory.models import OrgUnit
from signer.inventory.people import PeopleFilter
from signer.services import services
from signer.web.access import actor, permission
from signer.web.labels import unit_options

blueprint = Blueprint("people", __name__)

PAGE_SIZE = 50
FILTERS = {
    "lacking": N_("Chưa được cấp"),
    "pending": N_("Đang chờ duyệt hoặc cấp"),
    "covered": N_("Có chứng thư còn hiệu lực"),
    "ready": N_("Đã cấp, chờ kích hoạt"),
    "active": N_("Đang hoạt động"),
    "locked": N_("Bị khóa do nhập sai mã PIN"),
    "suspended": N_("Đang tạm dừng"),
    "failed": N_("Cấp không thành công"),
    "expired": N_("Đã hết hạn"),
    "revoked": N_("Đã thu hồi"),
}


@blueprint.get("/people")
@permission(Permission.PERSON_VIEW)
def index() -> ResponseReturnValue:
    """A page of people, in the order of their given names."""
    state = request.args.get("state", "")
    unit = find_unit(request.args.get("unit", ""))
    page, standings = services().issuance.people(
        actor(),
        PeopleFilter(
            unit_path=unit.path if unit else None, search=request.args.get("q", "").strip() or None
        ),
        state=state if state in FILTERS else None,
        after=request.args.get("after") or None,
        limit=PAGE_SIZE,
    )
    return render_template(
        "people/index.html",
        page=page,
        standings=standings,
        unit=unit,
        state=state,
        unit_options=unit_options(
            services().inventory.visible_units(actor(), Permission.PERSON_VIEW),
            _("Tất cả đơn vị của tôi"),
        ),
        units=services().inventory.units_by_ids(person.unit_id for person in page.items),
        filters=FILTERS,
    )


def find_unit(code: str) -> OrgUnit | None:
    """The unit of that code; None for no code. Raises `NotFound` for an unknown one."""
    return services().inventory.unit_of(code.strip()) if code.strip() else None
