"""The people of one's own units: who has a certificate, who lacks one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from flask import render_template, request
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
from signer.services import services
from signer.web.access import actor
from signer.web.formats import say
from signer.web.labels import unit_options
from signer.web.pages import Pages

blueprint = Pages("people", __name__)

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
            say(STATE_RULES[asked.state].label) if asked.state else "",
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
            state=work,
            kind=kind,
            role=role,
        ),
        state=state,
        unit=unit,
        address={name: str(value) for name, value in named if value},
    )


@blueprint.page("/people", Permission.PERSON_VIEW)
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


def _choice(values: Mapping[str, str], name: str, of: type[_Choice]) -> _Choice | None:
    chosen = values.get(name, "")
    return next((one for one in of if one.value == chosen), None)


def find_unit(code: str) -> OrgUnit | None:
    """The unit of that code; None for no code. Raises `NotFound` for an unknown one."""
    return services().inventory.unit_of(code.strip()) if code.strip() else None
