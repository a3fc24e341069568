"""The house rules that a machine can check; each test's docstring is the rule."""

import ast
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SOURCE = PROJECT / "signer"
# A migration is written by a program and never changed again; it is as long as the tables are.
MODULES = [m for m in sorted(SOURCE.rglob("*.py")) if m.parent.name != "versions"]
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
_WORD = "skip"  # spelled apart, so that this file does not find itself

# Written in pieces for the same reason.
_INDEX = re.compile(
    "|".join(("pypi" + r"\.org", "python" + "hosted", r"--(extra-)?index" + "-url "))
)
_MACHINE = re.compile(r"(?<![\w.~}])/(?:" + "|".join(("work", "root", "opt/wheels", "tmp")) + r")/")
_BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[[\w, -]+\]\s+#\s*\S)")
_BARE_NOQA = re.compile(r"#\s*noqa(?!:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*\s+#\s*\S)")


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def tracked_files() -> list[Path]:
    """What is committed or about to be; a copy without .git is searched as it lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return [PROJECT / line for line in listed.stdout.splitlines() if (PROJECT / line).is_file()]
    kept_out = {".venv", "instance", "__pycache__"}
    return [
        file
        for file in PROJECT.rglob("*")
        if file.is_file() and not kept_out & set(file.relative_to(PROJECT).parts)
    ]


def lines_matching(files: list[Path], pattern: re.Pattern[str]) -> list[str]:
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a PDF
        found += [
            f"{name_of(file)}:{number}"
            for number, line in enumerate(text.splitlines(), start=1)
            if pattern.search(line)
        ]
    return found


def test_floors_are_kept() -> None:
    """Imports point down: import-linter's contracts in pyproject.toml are kept."""
    command = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([command], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_modules_are_short() -> None:
    """A module has at most 400 lines, so that it can be read in one sitting."""
    lengths = {name_of(m): len(m.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_functions_are_short() -> None:
    """A function has at most 80 lines; beyond 40 it is one straight story."""
    long = [
        f"{name_of(module)}:{node.lineno} {node.name} ({node.end_lineno - node.lineno + 1})"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 80
    ]
    assert long == []


def test_modules_say_what_they_are() -> None:
    """Every module with code in it begins with a docstring."""
    silent = [
        name_of(module)
        for module in MODULES
        if (tree := ast.parse(module.read_text(encoding="utf-8"))).body
        and ast.get_docstring(tree) is None
    ]
    assert silent == []


def test_no_index_address() -> None:
    """No file names a package index or a mirror: each site has its own."""
    assert lines_matching(tracked_files(), _INDEX) == []


def test_no_machine_path() -> None:
    """No file names a folder of the machine it was written on."""
    assert lines_matching(tracked_files(), _MACHINE) == []


def test_silenced_checks_give_their_reason() -> None:
    """`type: ignore` and `noqa` name their rule and, after another #, their reason."""
    assert lines_matching(MODULES, _BARE_IGNORE) == []
    assert lines_matching(MODULES, _BARE_NOQA) == []


def test_no_test_is_left_out() -> None:
    """No test is skipped or expected to fail: what cannot run here is a fault of the set-up."""
    marks = re.compile(
        rf"mark\.({_WORD}|{_WORD}if|xfail)|pytest\.({_WORD}|xfail|importor{_WORD})\("
    )
    assert lines_matching([t for t in TESTS if t != Path(__file__)], marks) == []


def test_one_commit() -> None:
    """`transaction()` in signer/db.py is the only commit of the code base."""
    found = lines_matching(MODULES, re.compile(r"\.commit\("))
    assert [place for place in found if not place.startswith("signer/db.py:")] == []


def test_nobody_prints_but_the_command_line() -> None:
    """What is said to people is said by a door, not printed from a service."""
    rooms = [m for m in MODULES if not name_of(m).startswith("signer/cli/")]
    children = [m for m in rooms if not m.stem.endswith(("_task", "_child"))]
    assert lines_matching(children, re.compile(r"^\s*print\(")) == []
