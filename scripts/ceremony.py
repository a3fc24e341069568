#!/usr/bin/env -S .venv/bin/python
"""The key ceremony by itself: root and issuing CA on two tokens, certificates below the home.

    .venv/bin/python scripts/ceremony.py

`signer setup` holds it too. Safe to hold again: what exists is kept, a root CRL that runs out is
renewed. The root's token (signer-root, root.pin) is needed by nothing else: move both to a safe
place afterwards and bring them back to renew.
"""

import sys

from signer.cli.ceremony import hold_ceremony
from signer.clock import Clock
from signer.config import load_settings
from signer.errors import SignerError


def main() -> int:
    """Holds the ceremony and prints what was made."""
    settings = load_settings()
    made = hold_ceremony(settings, Clock().now())
    for file in made:
        print(f"made {file.name}")
    print("nothing to do" if not made else f"entered in {settings.pki / 'transcript.txt'}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SignerError as error:
        sys.exit(str(error))
