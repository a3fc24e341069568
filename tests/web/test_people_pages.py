"""What an HR officer sees of the own people, and asks for."""

from flask import Flask

from signer.accounts import Role
from signer.db import release
from tests.factories import OTHER_WARD, WARD, City
from tests.web.visitor import Visitor


def test_the_list_shows_the_own_subtree_only(app: Flask, city: City) -> None:
    """People of another ward are neither listed nor opened."""
    (own,), (other,) = city.people(1), city.people(1, unit=OTHER_WARD)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    listed = visitor.get("/people").text
    assert own.full_name in listed
    assert other.code not in listed
    assert visitor.get(f"/people/{other.code}").status_code == 404
    assert other.code not in visitor.get("/people", unit=OTHER_WARD).text


def test_the_list_is_searched_and_filtered(app: Flask, city: City) -> None:
    """Names are found without diacritics; a state narrows; nothing found says what to try."""
    people = city.people(3)
    city.issue(people[:1])
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    found = visitor.get("/people", q="tran thi binh").text
    assert "Trần Thị Bình" in found
    assert people[1].code not in found
    lacking = visitor.get("/people", state="lacking").text
    assert people[0].code not in lacking
    assert people[1].code in lacking
    assert people[0].code in visitor.get("/people", state="ready").text
    assert "Không có ai khớp" in visitor.get("/people", q="khong ai").text


def test_a_long_list_goes_on(app: Flask, city: City) -> None:
    """Fifty to a page, every person once."""
    people = city.people(60)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    first = visitor.get("/people").text
    address = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = visitor.get(address.replace("&amp;", "&")).text
    seen = [[p.code for p in people if p.code in page] for page in (first, second)]
    assert [len(codes) for codes in seen] == [50, 10]
    assert not set(seen[0]) & set(seen[1])


def test_the_identity_number_is_masked_until_asked_for(app: Flask, city: City) -> None:
    """Shown in full once, on demand, and the look is recorded (R5)."""
    (person,) = city.people(1)
    assert person.id_number is not None
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    page = f"/people/{person.code}"
    assert "001••••••001" in visitor.get(page).text
    assert (
        person.id_number
        in visitor.post(f"{page}/id-number", {"purpose": "Đối chiếu hồ sơ"}, form_at=page).text
    )
    assert person.id_number not in visitor.get(page).text
    release()
    (event,) = city.services.audit.events(subject=f"person:{person.code}", limit=1)
    assert event.action == "person.id_revealed"


def test_chosen_people_go_into_one_request(app: Flask, city: City) -> None:
    """The form names them, asks for the reason, and leaves out who cannot be asked for."""
    ready, (silent,) = city.people(2), city.people(1, email=False)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    codes = [person.code for person in (*ready, silent)]
    address = "/requests/new?" + "&".join(f"person={code}" for code in codes)
    assert "Chưa có thư điện tử công vụ" in visitor.get(address).text
    silent_reason = visitor.post("/requests", {"person": codes, "reason": " "}, form_at=address)
    assert silent_reason.status_code == 400
    assert 'href="#field-reason"' in silent_reason.text
    done = visitor.post("/requests", {"person": codes, "reason": "Quý IV"}, form_at=address)
    assert "Đã lập đề nghị số 1 cho 2 người." in done.text
    assert silent.full_name in done.text
    assert "Chưa có thư điện tử công vụ" in done.text


def test_a_whole_unit_goes_into_one_request(app: Flask, city: City) -> None:
    """Everybody lacking in the subtree, without naming anybody."""
    people = city.people(3)
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    address = f"/requests/new?unit={WARD}"
    assert "3 người chưa được cấp" in visitor.get(address).text
    done = visitor.post("/requests", {"unit": WARD, "reason": "Quý IV"}, form_at=address)
    assert done.location == "/requests/1"
    shown = visitor.get("/requests/1").text
    assert all(person.code in shown for person in people)
    assert "Không còn ai chưa được cấp" in visitor.get(address).text


def test_a_filter_lives_in_the_address_and_goes_to_the_next_act(app: Flask, city: City) -> None:
    """A request for everybody lacking whom the filter finds, on whatever page they are."""
    people = city.people(10)
    city.issue(people[:1])
    visitor = Visitor(app).log_in(city.account("huong", Role.HR))
    address = {"q": "le", "staff": "cong_chuc", "work": "working"}
    wanted = [p for p in people[1:] if p.full_name.startswith("Lê ")]
    listed = visitor.get("/people", **address).text
    assert 'value="le"' in listed
    assert "/requests/new?q=le&amp;staff=cong_chuc&amp;work=working" in listed
    asked = visitor.get("/requests/new", **address).text
    assert f"{len(wanted)} người chưa được cấp" in asked
    assert "tìm “le”; Công chức; Đang công tác" in asked
    visitor.post("/requests", {**address, "reason": "Kế hoạch"}, form_at="/requests/new?q=le")
    request = city.services.issuance.requests(city.actor("long", Role.APPROVER))[0]
    assert request.persons == len(wanted)
    people_of = city.services.issuance.people_of(city.actor("tam", Role.HR), request.id)
    assert {p.code for p in people_of} == {p.code for p in wanted}
    assert "Không có ai khớp" in visitor.get("/people", role="clerk").text
