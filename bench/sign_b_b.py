"""One PAdES B-B signature on a one-page document, against the raw RSA-2048 operation.

Whole path: the document is read and parsed in the sandbox, laid out, signed with a P-256 key in
process, checked, and written to a new file. The HSM is not part of it (see `sign-service`).
"""

from typing import Any

from _signing import measured

from signer.signing.levels import Level


def measure() -> dict[str, Any]:
    """Milliseconds of a signature and of the RSA operation between them."""
    return measured("sign-b-b", Level.B_B)
