"""Our own revisions are known by their bytes; nothing else is, and what is known is not forgiven
to anybody else."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pytest
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signer.signing.geometry import Box
from signer.signing.levels import Level
from signer.signing.recognition import Prefixes, own_ranges, prefixes_of
from signer.signing.sandbox import Sandbox
from signer.signing.validation import Coverage, Verdict, VerdictClass, validate
from tests.clocks import StandingClock
from tests.signing.conftest import NOW, PDF, Authority, Sign
from tests.signing.lasting import Lasting

Pairs = set[tuple[str, str]]
Judge = Callable[..., Verdict]


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("before", [0, 3, (1 << 20) - 9, (1 << 20) - 4, (1 << 20) - 1, 1 << 20])
@pytest.mark.parametrize("line", [b"", b"\n", b"\r", b"\r\n"])
def test_every_end_of_a_version(tmp_path: Path, before: int, line: bytes) -> None:
    """Wherever the mark falls in what is read at once, with each end of line and with none."""
    path = tmp_path / "x"
    data = bytes(before) + b"%%EOF" + line + b"more%%EO%%EOF\n"
    path.write_bytes(data)
    found = prefixes_of(path)
    assert (found.sha256, found.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    first = before + 5
    last = len(data)
    expected = [*range(first, first + len(line) + 1), last - 1, last]
    assert [length for length, _ in found.ends] == expected
    for length, told in found.ends:
        assert told == hashlib.sha256(data[:length]).hexdigest()


def test_a_file_of_nothing_but_ends(tmp_path: Path) -> None:
    """It is hashed, and analysed in full."""
    path = tmp_path / "x"
    path.write_bytes(b"%%EOF\n" * 100_000)
    found = prefixes_of(path)
    assert (found.ends, found.sha256) == ((), sha256_of(path))


def test_pairs_become_places() -> None:
    """Only where both ends are in the file, and in this order."""
    prefixes = Prefixes(sha256="c", size_bytes=30, ends=((10, "a"), (20, "b"), (30, "c")))
    assert own_ranges(prefixes, lambda _: {("a", "b"), ("b", "x"), ("c", "a")}) == ((10, 20),)


@pytest.fixture
def lasting(authority: Authority) -> Lasting:
    return Lasting(authority, StandingClock(NOW))


@pytest.fixture
def made(sign: Sign, lasting: Lasting, tmp_path: Path) -> tuple[Path, Pairs]:
    """Three officials at the last level, and what the service would have written down."""
    path, pairs = PDF / "quyet_dinh.pdf", set()
    for number in range(3):
        who = lasting.certified(f"Người ký {number}", days=(-30, 700))
        out, low = tmp_path / f"{number}.pdf", 60 + 60 * number
        sign(
            path, out, who=who, level=Level.B_LTA, stamper=lasting.stamper,
            material=lasting.material(who), box=Box(x0=60, y0=low, x1=230, y1=low + 50),
        )  # fmt: skip
        pairs.add((sha256_of(path), sha256_of(out)))
        path = out
    return path, pairs


@pytest.fixture
def judge(authority: Authority, sandbox: Sandbox) -> Judge:
    def verdict(path: Path, pairs: Pairs | None = None) -> Verdict:
        def known(prefixes: Sequence[str]) -> Collection[tuple[str, str]]:
            return {pair for pair in pairs or () if pair[0] in prefixes}

        return validate(
            path, trust_roots=[authority.root.der], intermediates=[authority.issuing.der],
            crls=[authority.crl()], at=NOW, known=None if pairs is None else known,
            sandbox=sandbox,
        )  # fmt: skip

    return verdict


def rewritten(path: Path, out: Path) -> Path:
    """An update that puts another text on the first page."""
    with path.open("rb") as stream:
        writer = IncrementalPdfFileWriter(stream, strict=False)
        page, _ = writer.find_page_for_modification(0)
        page.get_object()["/Contents"] = writer.add_object(StreamObject(stream_data=b"BT ET"))
        writer.mark_update(page)
        with out.open("wb") as file:
            writer.write(file)
    return out


def test_the_verdict_is_that_of_the_full_analysis(made: tuple[Path, Pairs], judge: Judge) -> None:
    """Down to the last word, known wholly, in part or not at all."""
    path, pairs = made
    full = judge(path).to_json()
    assert full["verdict"] == "valid"
    assert judge(path, pairs).to_json() == full
    assert judge(path, {sorted(pairs)[0]}).to_json() == full


def test_what_is_known_is_not_analysed(
    made: tuple[Path, Pairs], judge: Judge, tmp_path: Path
) -> None:
    """Shown by an update that no analysis would let pass: only its hashes speak for it."""
    path, pairs = made
    out = rewritten(path, tmp_path / "x.pdf")
    found = judge(out, pairs)
    assert found.verdict is VerdictClass.INVALID
    assert {one.coverage_after for one in found.signatures} == {Coverage.CHANGED}
    own = judge(out, pairs | {(sha256_of(path), sha256_of(out))})
    assert {one.coverage_after for one in own.signatures} == {Coverage.PERMITTED}


def test_one_other_byte_is_another_file(
    made: tuple[Path, Pairs], judge: Judge, tmp_path: Path
) -> None:
    """In the known part: the hashes are no longer those, and the signature is broken as well."""
    path, pairs = made
    data = bytearray(path.read_bytes())
    data[data.index(b"/Producer") + 12] ^= 1
    out = tmp_path / "x.pdf"
    out.write_bytes(data)
    assert judge(out, pairs).verdict is VerdictClass.INVALID


def test_known_revisions_in_a_wrong_order(
    made: tuple[Path, Pairs], judge: Judge, tmp_path: Path
) -> None:
    """A pair counts only from the very input: here something stands between."""
    path, pairs = made
    out = rewritten(path, tmp_path / "x.pdf")
    wrong = {(sha256_of(PDF / "quyet_dinh.pdf"), sha256_of(out) + "0"), ("0" * 64, sha256_of(out))}
    assert judge(out, pairs | wrong).verdict is VerdictClass.INVALID
