"""Who may call what: closed unless an operation says otherwise, by bearer token only."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from signer.accounts import SYSTEM, Permission, Role
from signer.accounts.permissions import ROLE_PERMISSIONS
from signer.doors import Access, access_of

PUBLIC = {
    "/api/openapi.json",
    "/api/docs",
    "/api/docs/<path:name>",
    "/api/v1/sessions",
    "/api/v1/verify",
    "/api/v1/verify/<sha256>",
}


def operations(app: Flask) -> list[tuple[str, str, Access | None]]:
    """(method, address, access) of everything this door answers."""
    return [
        (method, rule.rule, access_of(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in rule.methods - {"OPTIONS", "HEAD"}
    ]


def address_of(rule: str) -> str:
    parts = (part if "<" not in part else "7" for part in rule.split("/"))
    return "/".join(parts)


def test_every_operation_says_who_may_call_it(app):
    found = operations(app)
    assert len(found) > 40
    assert [(method, rule) for method, rule, access in found if access is None] == []


def test_only_these_are_open_to_everybody(app):
    found = {rule for _, rule, access in operations(app) if access and not access.signed_in}
    assert found == PUBLIC


def test_without_a_token_everything_else_answers_401(app, nobody):
    for method, rule, access in operations(app):
        if access.signed_in:
            answer = nobody.call(method, address_of(rule))
            assert answer.status_code == 401, (method, rule)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("role", list(Role))
def test_an_operation_refuses_a_role_without_its_permission(app, as_role, role):
    caller = as_role(role, None)
    for method, rule, access in operations(app):
        if access.permission is None or access.permission in ROLE_PERMISSIONS[role]:
            continue
        answer = caller.call(method, address_of(rule))
        assert answer.status_code == 403, (method, rule, answer.text)


def test_the_description_names_the_permission_of_each_operation(app, nobody):
    document = nobody.get("/api/openapi.json").json
    described = {
        (method.upper(), path): operation.get("x-permission")
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }
    for method, rule, access in operations(app):
        if rule.startswith("/api/v1/"):
            path = re.sub(r"<(?:int\(.*?\):)?(\w+)>", r"{\1}", rule)
            wanted = access.permission.value if access.permission else None
            assert described.pop((method, path)) == wanted
    assert described == {}


def test_a_cookie_opens_nothing(app, services, city, nobody):
    name, password = city.account("cookie", Role.ADMIN, None)
    token = services.accounts.log_in(name, password, address="127.0.0.1")
    for cookie in (f"signer_session={token}", f"__Host-signer_session={token}"):
        assert nobody.get("me", headers={"Cookie": cookie}).status_code == 401
    assert nobody.get("me", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert nobody.get("me", headers={"Authorization": f"Basic {token}"}).status_code == 401


def test_log_in_gives_a_token_that_log_out_ends(nobody, city):
    name, password = city.account("lan", Role.HR)
    lan = nobody.log_in(name, password)
    me = lan.get("me").json
    assert me["name"] == "lan"
    assert me["grants"] == [
        {"role": "hr", "scope_path": city.services.inventory.unit_of("00004").path}
    ]
    assert lan.delete("sessions/current").status_code == 204
    assert lan.get("me").status_code == 401


def test_a_wrong_password_is_401_and_says_no_more_than_no(nobody, city):
    name, _ = city.account("lan", Role.HR)
    known = nobody.post("sessions", json={"name": name, "password": "sai-mat-khau"})
    unknown = nobody.post("sessions", json={"name": "khong-co", "password": "sai-mat-khau"})
    assert known.status_code == unknown.status_code == 401
    assert known.json == unknown.json
    assert known.json["detail"] == "Tên đăng nhập hoặc mật khẩu không đúng."


def test_a_token_runs_out_when_it_lies_idle(nobody, city, clock):
    lan = nobody.log_in(*city.account("lan", Role.HR))
    clock.move(timedelta(minutes=31))
    answer = lan.get("me")
    assert answer.status_code == 401
    assert "hết hạn" in answer.json["detail"]


def test_a_one_time_password_opens_nothing_but_its_own_change(nobody, city):
    made = city.services.accounts.create(SYSTEM, name="moi", role=Role.ADMIN, scope_path="")
    caller = nobody.log_in(made.name, made.password)
    assert caller.get("units").status_code == 403
    assert caller.get("me").json["must_change_password"] is True
    new = "mot cau that dai va kho doan"
    answer = caller.post("me/password", json={"old": made.password, "new": new})
    assert answer.status_code == 204
    assert caller.get("units").status_code == 200
    nobody.log_in("moi", new)


def test_the_administrator_makes_accounts(nobody, as_role, city):
    admin = as_role(Role.ADMIN, None)
    body = {"name": "hoa", "role": "approver", "unit": "00004", "display_name": "Hoa"}
    made = admin.post("accounts", json=body)
    assert made.status_code == 201, made.text
    assert nobody.log_in("hoa", made.json["password"]).get("me").json["must_change_password"]
    assert admin.post("accounts", json=body).status_code == 409
    assert admin.post("accounts", json=body | {"unit": "99999"}).status_code == 404
    wrong = admin.post("accounts", json=body | {"role": "king"})
    assert [e["field"] for e in wrong.json["errors"]] == ["role"]
    assert Permission.ACCOUNT_MANAGE not in ROLE_PERMISSIONS[Role.HR]
    assert as_role(Role.HR).post("accounts", json=body).status_code == 403
