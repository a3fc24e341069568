"""The record of what happened, for those who watch over it."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from flask import render_template, request
from flask.typing import ResponseReturnValue

from signer.accounts import Permission
from signer.errors import N_
from signer.services import services
from signer.web.access import actor
from signer.web.audit_words import ACTION_NAMES, DETAIL_NAMES, VALUE_NAMES
from signer.web.formats import say, show_date, show_moment, show_number
from signer.web.forms import number_in_query
from signer.web.pages import Pages

blueprint = Pages("audit", __name__)

PAGE_SIZE = 50
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(\+\d\d:\d\d|Z))?")
_SHOWN = 10
"""Entries of one detail; an import names every person it added."""


@blueprint.page("/audit", Permission.AUDIT_VIEW)
def index() -> ResponseReturnValue:
    """The newest events first, a page at a time; `subject` narrows them to one thing.

    One chain tells of all units, so only a role over the whole city opens it.
    """
    actor().require(Permission.AUDIT_VIEW, "")
    subject = request.args.get("subject", "").strip()
    events = services().audit.events(
        subject=subject or None, before=number_in_query("before"), limit=PAGE_SIZE
    )
    return render_template(
        "audit/index.html",
        events=events,
        details={event.seq: told_of(json.loads(event.details)) for event in events},
        names=ACTION_NAMES,
        subject=subject,
        total=services().audit.count(),
        oldest=events[-1].seq if len(events) == PAGE_SIZE else None,
    )


def told_of(details: Mapping[str, object]) -> list[tuple[str, str]]:
    """Each detail as a name and a text for a reader; what is empty says nothing."""
    return [
        (_called(name), _text(name, value))
        for name, value in details.items()
        if value not in (None, "", [], {})
    ]


def _called(name: str) -> str:
    return say(DETAIL_NAMES.get(name, name))


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return say(N_("có") if value else N_("không"))
    if isinstance(value, dict):
        told = _change if name == "changes" else _text
        return _few([f"{_called(part)} {told(part, one)}" for part, one in value.items()])
    if isinstance(value, list):
        return _few([_text(name, one) for one in value])
    if isinstance(value, str) and (meant := VALUE_NAMES.get(name, {}).get(value)):
        return say(meant)
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        with suppress(ValueError):  # somebody's note may look like a day and be none
            at = datetime.fromisoformat(value)
            return show_moment(at) if at.tzinfo else show_date(at.date())
    return "—" if value in (None, "") else str(value)


def _change(name: str, value: object) -> str:
    """What a fact was and is; of private ones only that it changed is on record."""
    if isinstance(value, list):
        return " → ".join(_text(name, one) for one in value)
    return say(N_("đã đổi"))


def _few(texts: Sequence[str]) -> str:
    rest = len(texts) - _SHOWN
    more = [say(N_("và %(count)s mục khác"), count=show_number(rest))] if rest > 0 else []
    return ", ".join([*texts[:_SHOWN], *more])
