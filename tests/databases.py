"""A real SQLite file by default, a real PostgreSQL for tests that ask for it."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

_PORT = 54000


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a private cluster on a Unix socket; one for each test process."""
    folder = Path(tempfile.mkdtemp(prefix="signer-pg-"))  # short: a socket's path has 107 bytes
    data = folder / "data"
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    as_postgres: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*words: str) -> None:
        subprocess.run([*as_postgres, *words], check=True, stdout=subprocess.DEVNULL)

    run(str(tools / "initdb"), "-D", str(data), "-U", "signer", "-E", "UTF8", "--auth=trust")
    # Nobody pulls this plug: a database that waits for its disk would only make the tests slow.
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -p {_PORT}"
    log = str(folder / "log")
    run(str(tools / "pg_ctl"), "-D", str(data), "-o", options, "-l", log, "-w", "start")
    yield f"postgresql+psycopg://signer@/{{name}}?host={folder}&port={_PORT}"
    run(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database; parametrise with "postgresql" (indirect) for the other kind."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path / 'signer.sqlite3'}"
        return
    server: str = request.getfixturevalue("postgresql_server")
    admin = create_engine(server.format(name="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS signer WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE signer"))
    yield server.format(name="signer")
    admin.dispose()


both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def copy_of(database_url: str, folder: Path) -> str:
    """The address of a copy, made anew in the folder (on the server); nobody may be connected."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        copy = folder / "copy.sqlite3"
        for left in folder.glob("copy.sqlite3*"):
            left.unlink()
        with (
            closing(sqlite3.connect(str(url.database))) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        return f"sqlite:///{copy}"
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS copy WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE copy TEMPLATE {url.database}"))
    admin.dispose()
    return url.set(database="copy").render_as_string(hide_password=False)
