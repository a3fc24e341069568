"""The people of one's own units: who has a certificate, who lacks one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.errors import N_
from signer.inventory.models import (
    PERSON_KIND_NAMES,
    SIGNING_ROLE_NAMES,
    OrgUnit,
    PersonKind,
    SigningRole,
)
from signer.inventory.people import PeopleFilter
from signer.inventory.states import STATE_RULES, PersonState
from signer.inventory.tables import Value
from signer.issuance.states import STATE_NAMES, SigningState
from signer.services import services
from signer.web.access import actor, permission
from signer.web.download import csv_download, xlsx_download
from signer.web.formats import say
from signer.web.labels import unit_options

blueprint = Blueprint("people", __name__)

_Choice = TypeVar("_Choice", bound=StrEnum)

PAGE_SIZE = 50
COUNTED = 1_000
"""Further than this a list is not counted for a page: it says "more than"."""
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
_HEADINGS = (
    N_("Mã CB"),
    N_("Họ và tên"),
    N_("Mã đơn vị"),
    N_("Đơn vị"),
    N_("Phòng, ban"),
    N_("Chức vụ"),
    N_("Loại"),
    N_("Trạng thái công tác"),
    N_("Thư điện tử công vụ"),
    N_("Chữ ký số"),
    N_("Số chứng thư"),
    N_("Hiệu lực đến"),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The list that an address asks for."""

    filter: PeopleFilter
    state: str | None
    """One of `FILTERS`."""
    unit: OrgUnit | None
    address: Mapping[str, str]
    """The same as the names and values of an address; empty for everybody."""

    @property
    def is_narrow(self) -> bool:
        """More is asked for than a unit and a state of the signature."""
        return bool(self.address.keys() - {"unit", "state"})

    def in_words(self) -> str:
        """What is asked for besides unit and state, for a sentence."""
        asked = self.filter
        words = [
            _("tìm “%(text)s”", text=asked.search) if asked.search else "",
            say(PERSON_KIND_NAMES[asked.kind]) if asked.kind else "",
            say(SIGNING_ROLE_NAMES[asked.role]) if asked.role else "",
            *(say(STATE_RULES[state].label) for state in asked.states or ()),
        ]
        return "; ".join(filter(None, words))


def asked_for(values: Mapping[str, str]) -> Asked:
    """The list; what an address says that is no filter is left out."""
    typed = values.get("q", "").strip()
    unit = find_unit(values.get("unit", ""))
    kind = _choice(values, "staff", PersonKind)
    work = _choice(values, "work", PersonState)
    role = _choice(values, "role", SigningRole)
    state = values.get("state", "") if values.get("state") in FILTERS else None
    named = (
        ("q", typed),
        ("unit", unit.code if unit else None),
        ("staff", kind),
        ("work", work),
        ("role", role),
        ("state", state),
    )
    return Asked(
        filter=PeopleFilter(
            unit_path=unit.path if unit else None,
            search=typed or None,
            states=(work,) if work else None,
            kind=kind,
            role=role,
        ),
        state=state,
        unit=unit,
        address={name: str(value) for name, value in named if value},
    )


@blueprint.get("/people")
@permission(Permission.PERSON_VIEW)
def index() -> ResponseReturnValue:
    """A page of people, in the order of their given names."""
    asked, after = asked_for(request.args), request.args.get("after") or None
    issuance, inventory = services().issuance, services().inventory
    page, standings = issuance.people(
        actor(), asked.filter, state=asked.state, after=after, limit=PAGE_SIZE
    )
    wanted = issuance.asked_in(asked.filter, asked.state)
    return render_template(
        "people/index.html",
        page=page,
        standings=standings,
        asked=asked,
        count=None if after else inventory.count_people(actor(), wanted, at_most=COUNTED),
        counted=COUNTED,
        unit_options=unit_options(
            inventory.visible_units(actor(), Permission.PERSON_VIEW), _("Tất cả đơn vị của tôi")
        ),
        units=inventory.units_by_ids(person.unit_id for person in page.items),
        states=FILTERS,
        kinds=PERSON_KIND_NAMES,
        roles=SIGNING_ROLE_NAMES,
        works={state: rule.label for state, rule in STATE_RULES.items()},
    )


@blueprint.get("/people.csv")
@permission(Permission.PERSON_VIEW)
def as_csv() -> Response:
    """The whole list as a text file, sent while it is read."""
    return csv_download(_("can-bo"), [say(heading) for heading in _HEADINGS], _rows())


@blueprint.get("/people.xlsx")
@permission(Permission.PERSON_VIEW)
def as_xlsx() -> Response:
    """The whole list as a workbook."""
    headings = [say(heading) for heading in _HEADINGS]
    return xlsx_download(_("can-bo"), _("Cán bộ"), headings, _rows())


def _rows() -> Iterator[tuple[Value, ...]]:
    asked = asked_for(request.args)
    units: dict[int, tuple[str, str]] = {}
    states = {state: say(STATE_NAMES[state]) for state in SigningState}
    works = {state: say(rule.label) for state, rule in STATE_RULES.items()}
    kinds = {kind: say(name) for kind, name in PERSON_KIND_NAMES.items()}
    found = services().issuance.each_of_people(actor(), asked.filter, state=asked.state)
    for people, standings in found:
        new = {person.unit_id for person in people} - units.keys()
        known = services().inventory.units_by_ids(new)
        units |= {unit_id: (unit.code, unit.name) for unit_id, unit in known.items()}
        for person in people:
            standing = standings[person.id]
            yield (
                person.code,
                person.full_name,
                *units[person.unit_id],
                person.division,
                person.title,
                kinds[person.kind] if person.kind else None,
                works[person.state],
                person.email,
                states[standing.state],
                standing.serial_hex,
                standing.not_after,
            )


def _choice(values: Mapping[str, str], name: str, of: type[_Choice]) -> _Choice | None:
    chosen = values.get(name, "")
    return next((one for one in of if one.value == chosen), None)


def find_unit(code: str) -> OrgUnit | None:
    """The unit of that code; None for no code. Raises `NotFound` for an unknown one."""
    return services().inventory.unit_of(code.strip()) if code.strip() else None
