"""Puts the pages, their guard, their look and their languages into the application."""

from pathlib import Path

from flask import Flask, Response, g, request
from flask_babel import Babel

import signer
from signer.services import services
from signer.web import (
    access,
    accounts,
    assets,
    audit,
    campaigns,
    coverage,
    dossiers,
    duplicates,
    expiring,
    exports,
    formats,
    home,
    jobs,
    labels,
    navigation,
    outside,
    own_seals,
    passkeys,
    person,
    policy,
    problems,
    reports,
    requests,
    revocations,
    roster,
    scoring,
    seal_passkeys,
    seals,
    sign,
    signature_image,
    units,
    verify,
)

_FEATURES = (
    *(assets, home, accounts, person, duplicates, policy, units, roster, requests, revocations),
    *(
        expiring,
        exports,
        outside,
        jobs,
        dossiers,
        sign,
        passkeys,
        signature_image,
        own_seals,
        seal_passkeys,
        seals,
        verify,
        coverage,
        reports,
        campaigns,
        scoring,
        audit,
    ),
)
BLUEPRINTS = (*(feature.blueprint for feature in _FEATURES), home.reminders)
LANGUAGES = ("vi", "en")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",  # personal data stay out of caches; a view may say otherwise
}


def register(app: Flask) -> None:
    """The application serves every page, each behind its mark."""
    app.config["BABEL_DEFAULT_LOCALE"] = "vi"
    app.config.setdefault(
        "BABEL_TRANSLATION_DIRECTORIES", str(Path(signer.__file__).parent / "translations")
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=chosen_language)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    access.register(app, frozenset(blueprint.name for blueprint in BLUEPRINTS))
    assets.register(app)
    formats.register(app)
    labels.register(app)
    problems.register(app)
    app.context_processor(_words_of_every_page)
    app.after_request(_protect)


def chosen_language() -> str:
    """Vietnamese, unless the visitor chose English here; the browser's wish is not asked.

    Office browsers are often installed in English for people who read Vietnamese.
    """
    chosen = request.cookies.get("lang", "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def _words_of_every_page() -> dict[str, object]:
    theme = request.cookies.get("theme", "")
    return {
        "actor": g.get("actor"),
        "settings": services().settings,
        "language": formats.language(),
        "theme": theme if theme in ("light", "dark") else "auto",
        "navigation": navigation.entries_for(g.get("actor")),
        "waiting_at": navigation.waiting_at,
        "here": request.full_path.removesuffix("?"),
    }


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if services().settings.base_url.startswith("https://"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
