"""What the benches of signatures share: an authority of software keys, and how time is taken."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from signer.clock import Clock
from signer.signing.appearance import AppearanceText
from signer.signing.geometry import Box
from signer.signing.levels import Level
from signer.signing.pdf import SignedPdf, sign_pdf
from signer.signing.sandbox import Sandbox
from tests.signing.conftest import Authority, Identity
from tests.signing.lasting import Lasting

BLOCKS, ROUNDS = 8, 40
"""The quietest block counts, for the signature and for the floor: other work on the machine slows
two processes that take turns more than one that only computes."""
PDF = Path(__file__).resolve().parent.parent / "tests" / "data" / "pdf"


@dataclass(kw_only=True)
class Signer:
    """A person with a P-256 key in process, beside a TSA and an OCSP responder in process."""

    person: Identity
    lasting: Lasting
    sandbox: Sandbox

    @classmethod
    def ready(cls) -> "Signer":
        """With one warm child."""
        lasting = Lasting(Authority(), Clock())
        return cls(
            person=lasting.certified("Trần Thị B", days=(-300, 700)),
            lasting=lasting,
            sandbox=Sandbox(children=1),
        )

    def sign(self, source: Path, output: Path, level: Level, page: int = 1) -> SignedPdf:
        """The document with one more visible signature of the level."""
        return sign_pdf(
            source,
            output,
            key=self.person.key,
            certificate_der=self.person.der,
            chain_der=(self.lasting.authority.issuing.der,),
            level=level,
            stamper=self.lasting.stamper if level.has_stamp else None,
            material=self.lasting.material(self.person) if level.has_material else None,
            page=page,
            box=Box(x0=350, y0=200, x1=520, y1=256),
            appearance=AppearanceText(name="Trần Thị B", organisation="Sở Nội vụ"),
            at=self.lasting.clock.now() - timedelta(seconds=1),
            sandbox=self.sandbox,
        )


def measured(
    name: str, level: Level, source: Path = PDF / "quyet_dinh.pdf", page: int = 1,
    blocks: int = BLOCKS, rounds: int = ROUNDS,
) -> dict[str, Any]:  # fmt: skip
    """Milliseconds of a signature of the level and of a raw RSA-2048 signature between them."""
    signer = Signer.ready()
    floor_key = rsa.generate_private_key(65537, 2048)
    signatures: list[float] = []
    floors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(-min(20, rounds), blocks * rounds):
            output = Path(folder) / f"{number}.pdf"
            spent = milliseconds(lambda output=output: signer.sign(source, output, level, page))
            raw = milliseconds(
                lambda: floor_key.sign(b"signer", padding.PKCS1v15(), hashes.SHA256())
            )
            if number >= 0:
                signatures.append(spent)
                floors.append(raw)
            output.unlink()
    signer.sandbox.close()
    value, floor = _quietest(signatures, rounds), _quietest(floors, rounds)
    return {
        "name": name,
        "value": round(value, 3),
        "unit": "ms",
        "floor": round(floor, 3),
        "ratio": round(value / floor, 2),
        "conditions": (
            f"{blocks} blocks of {rounds} signatures of {source.name}, quietest block, P-256 in "
            "software, TSA and OCSP answers in process, document parsed and appearance drawn in a "
            "sandboxed child, new file each time; floor: raw RSA-2048 signature in the same loop; "
            f"median of all {statistics.median(signatures):.3f} ms"
        ),
    }


def _quietest(spent: list[float], rounds: int) -> float:
    """The lowest of the blocks' medians."""
    blocks = range(0, len(spent), rounds)
    return min(statistics.median(spent[start : start + rounds]) for start in blocks)


def milliseconds(work: Callable[[], object]) -> float:
    """How long the work took."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000
