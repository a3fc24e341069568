"""Every list of people, certificates, units and requests as a file: as its page shows it, whole."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache
from itertools import chain
from typing import NamedTuple, TypeVar

from flask import Response, request
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.campaigns.kinds import CAUSE_NAMES, LackCause
from signer.errors import N_
from signer.inventory.duplicates import PairView
from signer.inventory.kinds import PERSON_KIND_NAMES, UNIT_KIND_NAMES
from signer.inventory.models import OrgUnit
from signer.inventory.paging import whole
from signer.inventory.people import Listed as Person
from signer.inventory.states import STATE_RULES
from signer.inventory.tables import Value
from signer.issuance.expiring import ExpiringView
from signer.issuance.kinds import KIND_NAMES, RequestKind
from signer.issuance.states import STATE_NAMES, Standing
from signer.issuance.views import RequestPerson, RequestView
from signer.outside.kinds import CARRIER_NAMES, MATCH_NAMES, STATUS_NAMES
from signer.outside.service import CertificateView
from signer.reports.coverage import Listed, View
from signer.services import services
from signer.web import coverage, duplicates, outside, requests
from signer.web.access import actor
from signer.web.download import list_download
from signer.web.formats import say
from signer.web.forms import day_from
from signer.web.pages import Pages
from signer.web.people import Asked, asked_for, find_unit

blueprint = Pages("exports", __name__)

_KIND = "<any(csv, xlsx):kind>"
_AT_ONCE = 500
_Item = TypeVar("_Item")
_Columns = Mapping[str, Callable[[_Item], Value]]
"""The headings, each with what stands below it for an item of the list."""


@blueprint.page(f"/people.{_KIND}", Permission.PERSON_VIEW)
def people(kind: str) -> Response:
    """The people of the filter."""
    asked, word = asked_for(request.args), cache(say)
    columns: _Columns[tuple[Person, tuple[str, str], Standing]] = {
        N_("Mã CB"): lambda of: of[0].code,
        N_("Họ và tên"): lambda of: of[0].full_name,
        N_("Mã đơn vị"): lambda of: of[1][0],
        N_("Đơn vị"): lambda of: of[1][1],
        N_("Phòng, ban"): lambda of: of[0].division,
        N_("Chức vụ"): lambda of: of[0].title,
        N_("Loại"): lambda of: word(PERSON_KIND_NAMES[of[0].kind]) if of[0].kind else None,
        N_("Trạng thái công tác"): lambda of: word(STATE_RULES[of[0].state].label),
        N_("Thư điện tử công vụ"): lambda of: of[0].email,
        N_("Chữ ký số"): lambda of: word(STATE_NAMES[of[2].state]),
        N_("Số chứng thư"): lambda of: of[2].serial_hex,
        N_("Hiệu lực đến"): lambda of: of[2].not_after,
    }
    wanted = services().issuance.asked_in(asked.filter, asked.state)
    count = services().inventory.count_people(actor(), wanted)
    return _file(kind, "people", _("Cán bộ"), columns, _people(asked), asked.address, count)


def _people(asked: Asked) -> Iterator[tuple[Person, tuple[str, str], Standing]]:
    units: dict[int, tuple[str, str]] = {}  # no rows, which would be read anew for each piece
    found = services().issuance.each_of_people(actor(), asked.filter, state=asked.state)
    for people, standings in found:
        new = {person.unit_id for person in people} - units.keys()
        known = services().inventory.units_by_ids(new)
        units |= {unit_id: (unit.code, unit.name) for unit_id, unit in known.items()}
        for person in people:
            yield person, units[person.unit_id], standings[person.id]


@blueprint.page(f"/coverage/<view>.{_KIND}", Permission.REPORT_VIEW)
def view(view: str, kind: str) -> Response:
    """The people behind one figure of today."""
    chosen, asked = coverage.view_of(view), coverage.asked()
    columns: _Columns[tuple[Listed, _Lack]] = {
        N_("Mã CB"): lambda of: of[0].code,
        N_("Họ và tên"): lambda of: of[0].full_name,
        N_("Mã đơn vị"): lambda of: of[0].unit_code,
        N_("Đơn vị"): lambda of: of[0].unit_name,
        N_("Chức vụ"): lambda of: of[0].title,
        **_BESIDE.get(chosen, _COVER),
    }
    name, count = say(coverage.VIEW_NAMES[chosen]), asked.count(chosen)
    items = _listed(chosen, asked)
    return _file(kind, f"coverage.{chosen}", name, columns, items, asked.address, count)


class _Lack(NamedTuple):
    """Why somebody lacks a certificate; no row, which would be read anew for each piece."""

    cause: LackCause | None = None
    note: str | None = None
    owner: str | None = None
    due_on: date | None = None


_STEPS = {"pending": N_("Chờ duyệt"), "approved": N_("Đã duyệt, chờ cấp")}
_COVER: _Columns[tuple[Listed, _Lack]] = {
    N_("Phương tiện lưu khóa"): lambda of: (
        say(CARRIER_NAMES[of[0].carrier]) if of[0].carrier else None
    ),
    N_("Hiệu lực đến"): lambda of: of[0].covered_until,
}
_BESIDE: Mapping[View, _Columns[tuple[Listed, _Lack]]] = {
    View.LACKS: {
        N_("Nguyên nhân"): lambda of: say(CAUSE_NAMES[of[1].cause]) if of[1].cause else None,
        N_("Ghi chú"): lambda of: of[1].note,
        N_("Người chịu trách nhiệm giải quyết"): lambda of: of[1].owner,
        N_("Hạn giải quyết"): lambda of: of[1].due_on,
    },
    View.PENDING: {
        N_("Đang chờ ở đâu"): lambda of: (
            say(_STEPS[of[0].waiting.state]) if of[0].waiting else None
        ),
        N_("Đề nghị"): lambda of: of[0].waiting.request_id if of[0].waiting else None,
        N_("Người lập"): lambda of: of[0].waiting.requested_by if of[0].waiting else None,
        N_("Từ ngày"): lambda of: of[0].pending_since,
    },
}


def _listed(chosen: View, asked: coverage.Asked) -> Iterator[tuple[Listed, _Lack]]:
    for people in whole(lambda after: asked.page(chosen, after, _AT_ONCE)):
        ids = [one.person_id for one in people] if chosen is View.LACKS else []
        why = {
            person_id: _Lack(LackCause(found.cause), found.note, found.owner, found.due_on)
            for person_id, found in services().campaigns.reasons_of(ids).items()
        }
        yield from ((one, why.get(one.person_id, _Lack())) for one in people)


@blueprint.page(f"/outside.{_KIND}", Permission.CERTIFICATE_IMPORT)
def certificates(kind: str) -> Response:
    """Certificates from outside."""
    columns: _Columns[CertificateView] = {
        N_("Số chứng thư"): lambda of: of.row.serial_hex.upper(),
        N_("Tên chủ thể"): lambda of: of.row.common_name,
        N_("Đơn vị trong chứng thư"): lambda of: "; ".join(of.row.unit_names),
        N_("Thư điện tử"): lambda of: of.row.email,
        N_("Tổ chức cấp"): lambda of: of.row.issuer_name,
        N_("Thế hệ"): lambda of: of.row.generation.value,
        N_("Chuyên dùng công vụ"): lambda of: _yes_or_no(of.row.is_official),
        N_("Từ ngày"): lambda of: of.row.not_before,
        N_("Đến ngày"): lambda of: of.row.not_after,
        N_("Phương tiện"): lambda of: say(CARRIER_NAMES[of.row.carrier]),
        N_("Số hiệu thiết bị"): lambda of: of.row.device_number,
        N_("Trạng thái"): lambda of: say(STATUS_NAMES[of.status]),
        N_("Chủ thể"): lambda of: say(MATCH_NAMES[of.row.match]),
        N_("Mã cán bộ"): lambda of: of.person_code,
        N_("Họ và tên"): lambda of: of.person_name,
        N_("Đơn vị"): lambda of: of.unit_name,
    }
    tab, status, text = outside.list_asked()
    found = services().outside.every(actor(), tab, status=status, text=text)
    filters = {"tab": tab, "status": status, "q": text}
    return _file(kind, "outside", _("Chứng thư bên ngoài"), columns, found, filters)


@blueprint.page(f"/expiring.{_KIND}", Permission.PERSON_VIEW)
def running_out(kind: str) -> Response:
    """Certificates that run out, the soonest first."""
    columns: _Columns[ExpiringView] = {
        N_("Mã CB"): lambda of: of.code,
        N_("Họ và tên"): lambda of: of.full_name,
        N_("Đơn vị"): lambda of: of.unit_name,
        N_("Số chứng thư"): lambda of: of.serial_hex.upper(),
        N_("Hết hạn"): lambda of: of.not_after,
        N_("Còn lại (ngày)"): lambda of: of.days_left,
        N_("Gia hạn"): lambda of: say(of.why_not or N_("Được gia hạn")),
    }
    days = services().settings.expiry_alert_days
    asked, unit = request.args.get("days", type=int), find_unit(request.args.get("unit", ""))
    within, code = asked if asked in days else max(days), unit.code if unit else None
    pages = whole(
        lambda after: services().issuance.expiring(
            actor(), within_days=within, unit_code=code, after=after, limit=_AT_ONCE
        )
    )
    filters = {"days": str(within), "unit": code}
    lines = chain.from_iterable(pages)
    return _file(kind, "expiring", _("Chứng thư sắp hết hạn"), columns, lines, filters)


@blueprint.page(f"/duplicates.{_KIND}", Permission.PERSON_EDIT)
def pairs(kind: str) -> Response:
    """Entries that may be one person: those that wait for a decision, or those decided."""
    columns: _Columns[tuple[PairView, dict[int, OrgUnit]]] = {
        N_("Mã cán bộ thứ nhất"): lambda of: of[0].first.code,
        N_("Họ và tên người thứ nhất"): lambda of: of[0].first.full_name,
        N_("Đơn vị người thứ nhất"): lambda of: of[1][of[0].first.unit_id].name,
        N_("Mã cán bộ thứ hai"): lambda of: of[0].second.code,
        N_("Họ và tên người thứ hai"): lambda of: of[0].second.full_name,
        N_("Đơn vị người thứ hai"): lambda of: of[1][of[0].second.unit_id].name,
        N_("Vì sao"): lambda of: (
            "; ".join(say(duplicates.LIKENESSES[likeness]) for likeness in of[0].likenesses)
            or _("Do người dùng nêu")
        ),
        N_("Số định danh khác nhau"): lambda of: _yes_or_no(of[0].has_other_number),
        N_("Tình trạng"): lambda of: say(duplicates.STATES[of[0].state]),
        N_("Giữ hồ sơ"): lambda of: of[0].survivor.code if of[0].survivor else None,
    }
    is_decided = request.args.get("decided") == "1"
    filters = {"decided": "1" if is_decided else None}
    return _file(kind, "duplicates", _("Hồ sơ có thể trùng"), columns, _pairs(is_decided), filters)


def _pairs(is_decided: bool) -> Iterator[tuple[PairView, dict[int, OrgUnit]]]:
    kept = services().inventory.duplicates.pairs
    for some in whole(lambda a: kept(actor(), are_decided=is_decided, after=a, limit=_AT_ONCE)):
        both = {person.unit_id for pair in some for person in (pair.first, pair.second)}
        named = services().inventory.units_by_ids(both)
        yield from ((pair, named) for pair in some)


@blueprint.page(f"/units.{_KIND}", Permission.UNIT_VIEW)
def tree(kind: str) -> Response:
    """The units of a day, in the order of the tree."""
    day = day_from(request.args, "as_of") or services().clock.today()
    everywhere, can = services().inventory.units(day), actor().can
    codes = {unit.id: unit.code for unit in everywhere}
    columns: _Columns[OrgUnit] = {
        N_("Mã đơn vị"): lambda of: of.code,
        N_("Đơn vị"): lambda of: of.name,
        N_("Loại"): lambda of: say(UNIT_KIND_NAMES[of.kind]),
        N_("Mã đơn vị cấp trên"): lambda of: codes.get(of.parent_id or 0),
        N_("Từ ngày"): lambda of: of.valid_from,
        N_("Đến ngày"): lambda of: of.valid_to,
    }
    mine = [unit for unit in everywhere if can(Permission.UNIT_VIEW, unit.path)]
    return _file(kind, "units", _("Các đơn vị"), columns, mine, {"as_of": day.isoformat()})


@blueprint.page(f"/requests.{_KIND}", Permission.REQUEST_VIEW)
def all_requests(kind: str) -> Response:
    """Requests, the newest first."""
    columns: _Columns[RequestView] = {
        N_("Đề nghị"): lambda of: of.id,
        N_("Loại"): lambda of: say(KIND_NAMES[RequestKind(of.kind)]),
        N_("Mã đơn vị"): lambda of: of.unit_code,
        N_("Đơn vị"): lambda of: of.unit_name,
        N_("Số người"): lambda of: of.persons,
        N_("Người lập"): lambda of: of.requested_by,
        N_("Ngày lập"): lambda of: of.requested_at,
        N_("Tình trạng"): lambda of: say(requests.STATES[of.state]),
    }
    state = request.args.get("state")
    state = state if state in requests.STATES else None
    found = _requests(state)
    title = _("Các đề nghị cấp chứng thư")
    return _file(kind, "requests", title, columns, found, {"state": state})


def _requests(state: str | None) -> Iterator[RequestView]:
    before = None
    list_of = services().issuance.requests
    while found := list_of(actor(), state=state, before=before, limit=_AT_ONCE):
        yield from found
        before = found[-1].id


@blueprint.page(f"/requests/<int:request_id>/people.{_KIND}", Permission.REQUEST_VIEW)
def requested(request_id: int, kind: str) -> Response:
    """The people of one request."""
    columns: _Columns[RequestPerson] = {
        N_("Mã CB"): lambda of: of.code,
        N_("Họ và tên"): lambda of: of.full_name,
        N_("Đơn vị"): lambda of: of.unit_name,
        N_("Chức vụ"): lambda of: of.title,
        N_("Thư điện tử công vụ"): lambda of: of.email,
        N_("Chữ ký số"): lambda of: say(STATE_NAMES[of.state.state]),
    }
    found = services().issuance.people_of(actor(), request_id)
    title = _("Đề nghị số %(id)s", id=request_id)
    return _file(kind, f"request.{request_id}", title, columns, found, {})


def _file(
    kind: str,
    listed: str,
    title: str,
    columns: _Columns[_Item],
    items: Iterable[_Item],
    filters: Mapping[str, str | None],
    count: int | None = None,
) -> Response:
    headings, values = [say(heading) for heading in columns], tuple(columns.values())
    rows = (tuple([value(item) for value in values]) for item in items)
    return list_download(kind, listed, title, headings, rows, filters=filters, count=count)


def _yes_or_no(is_so: bool) -> str:
    return say(N_("Có") if is_so else N_("Không"))
