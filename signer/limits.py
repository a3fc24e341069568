"""How often one address may do what is open to everybody and costs us much.

Wrong passwords count, right ones do not: a whole office may stand behind one address. The counts
are kept by each process, and are gone when it ends; names have a count of their own in the
database (`accounts/service.py`). Both doors share the counts; each words its own 429.
"""

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.util import get_remote_address

WRONG_PASSWORDS = 20
"""In a minute, before the address has to wait; every try costs 64 MiB and a twentieth second."""
CHECKS = 30
"""Files for the public check, in a minute."""
_LOG_INS = ("accounts.log_in", "api_sessions.log_in")
_PUBLIC_CHECKS = ("verify.verify", "api_verify.verify_pdf")
_CHECKS_BY_HASH = ("verify.verify_page", "api_verify.verify_hash")


def register(app: Flask) -> None:
    """Logging in and checking files answer 429 to an address that asks too often.

    Before the doors are registered: their guards read the form.
    """
    Limiter(
        get_remote_address,
        app=app,
        application_limits=[
            ApplicationLimit(
                f"{WRONG_PASSWORDS}/minute",
                scope="log-in",
                exempt_when=lambda: request.endpoint not in _LOG_INS,
                deduct_when=_was_refused,
            ),
            ApplicationLimit(
                f"{CHECKS}/minute",
                scope="verify",
                exempt_when=lambda: not _is_check(),
            ),
        ],
        storage_uri="memory://",
    )


def _is_check() -> bool:
    """A file is sent, or one that is here is judged anew by its hash."""
    named = {*request.args, *(request.view_args or ())}
    by_hash = request.endpoint in _CHECKS_BY_HASH and "sha256" in named
    return by_hash or request.endpoint in _PUBLIC_CHECKS


def _was_refused(answer: Response) -> bool:
    return answer.status_code in (401, 403)
