"""Two transactions about the same people or the same sums, on the database that lets them meet."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from flask import current_app
from sqlalchemy import event, text

from signer.accounts import SYSTEM
from signer.db import changed, db, tell, transaction
from signer.inventory.models import Person
from signer.reports import standing
from tests.reports.conftest import NOW

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def ward(city):
    city.unit("HN", "0001.")
    return city


@pytest.fixture
def elsewhere():
    """Begins an act in another session, and returns when it is done or waits for a lock."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with ThreadPoolExecutor(1) as pool:

        def run(act: Callable[[], object]) -> None:
            with app.app_context():
                try:
                    act()
                finally:
                    db.session.remove()

        def begin(act: Callable[[], object]) -> "Future[None]":
            begun = pool.submit(run, act)
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looks:
                while not begun.done():
                    if looks.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                        break
            return begun

        yield begin


def test_of_two_changes_of_the_same_sums_none_is_lost(ward, reports, elsewhere):
    people = [ward.person("0001.") for _ in range(2)]
    with transaction():
        db.session.get(Person, people[0]).sort_key = "a"
        changed("person", people[:1])
        tell()
        begun = elsewhere(lambda: ward.request(people[1], at=NOW))
    begun.result(timeout=30)
    figures = reports.coverage(SYSTEM)
    assert (figures.persons, figures.pending) == (2, 1)


def test_who_is_merged_while_a_request_is_filed_brings_it_along(ward, reports, elsewhere):
    one, same = ward.person("0001."), ward.person("0001.")
    with transaction():
        db.session.get(Person, same).merged_into_id = one
        changed("person", [one, same])
        tell()
        begun = elsewhere(lambda: ward.request(same, at=NOW))
        assert not begun.done()
    begun.result(timeout=30)
    figures = reports.coverage(SYSTEM)
    assert (figures.persons, figures.pending) == (1, 1)


def test_a_transaction_about_very_many_waits_for_people_before_it_touches_sums(
    ward, reports, elsewhere, monkeypatch
):
    """Or it and another one about one of the later people would wait for each other for ever."""
    people = [ward.person("0001.", since=NOW.date()) for _ in range(2)]
    monkeypatch.setattr(standing, "CHUNK", 1)
    mine, locks, begun = threading.get_ident(), [], []

    def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if threading.get_ident() == mine and statement.endswith("FOR UPDATE"):
            locks.append(statement)
            if len(locks) == 2:
                begun.append(elsewhere(lambda: ward.request(people[1], at=NOW)))

    event.listen(db.engine, "before_cursor_execute", look)
    with transaction():
        db.session.execute(text("UPDATE person_period SET counted = false"))
        changed("person", people)
    event.remove(db.engine, "before_cursor_execute", look)
    begun[0].result(timeout=30)
    assert reports.coverage(SYSTEM).persons == 0


def test_figures_made_anew_beside_a_writer_have_what_it_wrote(ward, reports, elsewhere):
    person = ward.person("0001.")
    with transaction():
        db.session.execute(text("UPDATE person_period SET counted = false"))
        changed("person", [person])
        tell()
        begun = elsewhere(reports.rebuild)
        assert not begun.done()
    begun.result(timeout=30)
    assert reports.coverage(SYSTEM).persons == 0
