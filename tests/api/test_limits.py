"""One address that calls too often has to wait."""

import pytest

from signer.accounts import Role
from signer.limits import CHECKS, WRONG_PASSWORDS
from tests.api.conftest import Caller
from tests.factories import City


@pytest.mark.parametrize(
    ("language", "said"), [("vi", "Bạn gọi quá nhiều lần"), ("en", "too often")]
)
def test_wrong_passwords_from_one_address_are_few(
    nobody: Caller, city: City, language: str, said: str
) -> None:
    """A problem document says so in the caller's language, and when to come back."""
    account = city.account("huong", Role.HR)
    for number in range(WRONG_PASSWORDS):
        nobody.log_in(*account)
        answer = nobody.post("sessions", json={"name": f"ai-{number}", "password": "sai"})
        assert answer.status_code == 401
    answer = nobody.post(
        "sessions",
        json={"name": "ai", "password": "sai"},
        headers={"Accept-Language": language},
    )
    assert answer.status_code == 429
    assert answer.content_type == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert said in answer.json["detail"]


def test_the_public_check_is_limited(nobody: Caller) -> None:
    """Whatever is sent."""
    codes = [nobody.post("verify").status_code for _ in range(CHECKS + 1)]
    assert codes == [400] * CHECKS + [429]
