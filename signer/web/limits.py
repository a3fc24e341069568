"""How often one address may do what is open to everybody and costs us much.

Wrong passwords count, right ones do not: a whole office may stand behind one address. The counts
are kept by each process, and are gone when it ends; names have a count of their own in the
database (`accounts/service.py`).
"""

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter
from flask_limiter.util import get_remote_address

WRONG_PASSWORDS = 20
"""In a minute, before the address has to wait; every try costs 64 MiB and a twentieth second."""
CHECKS = 30
"""Files for the public check, in a minute."""


def register(app: Flask) -> None:
    """The pages that log in and check files answer 429 to an address that asks too often."""
    Limiter(
        get_remote_address,
        app=app,
        application_limits=[
            ApplicationLimit(
                f"{WRONG_PASSWORDS}/minute",
                scope="web-log-in",
                exempt_when=lambda: request.endpoint != "accounts.log_in",
                deduct_when=_was_refused,
            ),
            ApplicationLimit(
                f"{CHECKS}/minute",
                scope="web-verify",
                exempt_when=lambda: request.endpoint != "verify.verify",
            ),
        ],
        storage_uri="memory://",
    )


def _was_refused(answer: Response) -> bool:
    return answer.status_code == 403
