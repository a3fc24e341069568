"""Certificates that are about to run out, and the way to a request for those who hold them."""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signer.accounts import Permission
from signer.issuance.kinds import IN_ANOTHER_REQUEST, NO_EMAIL, NO_LONGER_AT_WORK, SUSPENDED
from signer.services import services
from signer.web.access import actor
from signer.web.labels import unit_options
from signer.web.pages import Pages
from signer.web.people import find_unit

blueprint = Pages("expiring", __name__)

PAGE_SIZE = 50
_NO_REQUEST_HELPS = frozenset({NO_LONGER_AT_WORK, NO_EMAIL, SUSPENDED, IN_ANOTHER_REQUEST})
"""Reasons against a renewal that are reasons against a new key and a change as well."""


@blueprint.page("/expiring", Permission.PERSON_VIEW)
def index() -> ResponseReturnValue:
    """Who runs out within the chosen days, the soonest first, with what can be done about it."""
    counts = services().issuance.count_expiring(actor())
    asked = request.args.get("days", type=int)
    within = asked if asked in counts else max(counts)
    unit = find_unit(request.args.get("unit", ""))
    page = services().issuance.expiring(
        actor(),
        within_days=within,
        unit_code=unit.code if unit else None,
        after=request.args.get("after") or None,
        limit=PAGE_SIZE,
    )
    return render_template(
        "expiring/index.html",
        counts=counts,
        within=within,
        unit=unit,
        unit_options=unit_options(
            services().inventory.visible_units(actor(), Permission.PERSON_VIEW),
            _("Tất cả đơn vị của tôi"),
        ),
        page=page,
        askable={line.person_id for line in page.items if line.why_not not in _NO_REQUEST_HELPS},
    )
