"""The same on the server's own terminal."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from tests.cli.conftest import Typed, signer  # noqa: F401  # a fixture
from tests.clocks import StandingClock
from tests.factories import City
from tests.outside.bringing import cer, listed
from tests.outside.fake_vgca import Generation, person_dn
from tests.outside.test_import import BA_DINH, _row


def test_files_lists_decisions_and_revocations(
    signer: Typed,  # noqa: F811  # the fixture
    city: City,
    g2: Generation,
    clock: StandingClock,
    tmp_path: Path,
) -> None:
    """A dry run stores nothing; a refused row is named; every decision can be typed."""
    [person] = city.people(1)
    leaf = g2.sub.certify(
        person_dn(person.full_name, None, BA_DINH), until=datetime(2030, 3, 12, 20, tzinfo=UTC)
    )
    file = cer(tmp_path, leaf)
    dry, _ = signer("outside", "import", file, "--dry-run")
    assert "1 chờ xác nhận" in dry
    assert signer("outside", "list")[0] == ""
    counts = json.loads(signer("outside", "import", file, "--json")[0])
    assert (counts["new"], counts["proposed"]) == (1, 1)
    shown, _ = signer("outside", "list", "--tab", "proposed")
    found = re.match(r"\s*(\d+)", shown)
    assert found
    assert "13/03/2030" in shown  # the day in Hanoi
    assert "1 " in signer("outside", "confirm", found[1])[0]
    signer("outside", "reject", found[1])
    signer("outside", "assign", found[1], person.code)
    signer("outside", "assign", found[1], person.code, code=1)  # it is that person's already
    assert json.loads(signer("outside", "list", "--json")[0])[0]["person_code"] == person.code

    rows = listed(tmp_path, _row("zz", person))
    refused, _ = signer("outside", "import", rows, "--issuer", "VGCA G2")
    assert "zz" in refused
    assert "1 không nhận" in refused
    crl = tmp_path / "g2.crl"
    crl.write_bytes(g2.sub.crl(clock.now()))
    assert "VGCA G2" in signer("outside", "crl", crl)[0]
    assert "OCSP" in signer("outside", "ask", code=1)[1]
    assert signer("outside", "sweep")[0].startswith("0 ")
