#!/usr/bin/env -S .venv/bin/python
"""One ceremony by itself, as a YAML file describes it; certs/README.md tells what one may say.

    .venv/bin/python scripts/ceremony.py certs/ceremony.yaml --check   what would be made
    .venv/bin/python scripts/ceremony.py certs/ceremony.yaml           makes it

`signer setup` holds the installation's own too. Held again with the same file it changes nothing;
cut anywhere, it is simply held again. What needs the service's database waits until that is there.
"""

import argparse
import sys
from pathlib import Path

from signer.app import create_rooms
from signer.cli.ceremony import EMBEDDED
from signer.cli.ceremony.program import run
from signer.cli.console import sentence
from signer.errors import SignerError


def main() -> None:
    """Holds the ceremony in the file, or checks it."""
    arguments = argparse.ArgumentParser(description="Holds a key ceremony.")
    arguments.add_argument("file", nargs="?", type=Path, default=EMBEDDED, help="the YAML file")
    arguments.add_argument("--check", action="store_true", help="look only, make nothing")
    chosen = arguments.parse_args()
    run(chosen.file, create_rooms, only_check=chosen.check)


if __name__ == "__main__":
    try:
        main()
    except SignerError as error:
        sys.exit(f"\n{sentence(error)}")
