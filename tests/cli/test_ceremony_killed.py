"""kill -9 anywhere in a ceremony: held again, it makes no second key and no second certificate."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "stride",
    [pytest.param(29, id="some"), pytest.param(1, marks=pytest.mark.slow, id="all")],
)
@pytest.mark.timeout(900)
def test_a_ceremony_cut_anywhere_is_held_again(stride: int, tmp_path: Path) -> None:
    """Every write, rename, key and signature from both sides; see `killed_ceremony`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.killed_ceremony", str(tmp_path), str(stride)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == {}, done.stderr
    assert told["points"] > 40
