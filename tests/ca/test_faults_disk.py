"""A disk that runs full: a clear error, nothing lost, and it goes on once there is space."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.ca.full_disk_child import SCENARIOS
from tests.ca.hierarchies import Hierarchy
from tests.killing import PROJECT

# A mount of its own; who is not root becomes it in a user namespace of its own.
ON_A_SMALL_DISK = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_disk_runs_full(
    scenario: str, hierarchy: Hierarchy, token_home: Path, tmp_path: Path
) -> None:
    """That of the database, that of the published lists."""
    chain = (hierarchy.root, hierarchy.issuing)
    plan = tmp_path / "plan.json"
    told = {
        "scenario": scenario,
        "folder": str(tmp_path),
        "token_home": str(token_home),
        "chain": "".join(c.public_bytes(Encoding.PEM).decode() for c in chain),
    }
    plan.write_text(json.dumps(told))
    done = subprocess.run(
        [*ON_A_SMALL_DISK, sys.executable, "-m", "tests.ca.full_disk_child", str(plan)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=PROJECT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
