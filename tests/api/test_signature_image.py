"""The own signature's image through the API."""

import io

from werkzeug.test import TestResponse

from signer.accounts import Role
from signer.services import Services
from tests.api.conftest import Caller
from tests.factories import City
from tests.signing.images import RED, png_of_strokes
from tests.web.visitor import account_of

ADDRESS = "me/signature-image"


def _handed_in(caller: Caller, content: bytes) -> TestResponse:
    data = {"image": (io.BytesIO(content), "chu-ky.png")}
    return caller.post(ADDRESS, data=data, content_type="multipart/form-data")


def test_set_read_removed(services: Services, city: City, nobody: Caller) -> None:
    """The remark comes with what was kept; afterwards there is nothing."""
    (person,) = city.certified(1)
    caller = nobody.log_in(*account_of(city, person))
    assert caller.get(ADDRESS).status_code == 404
    refused = _handed_in(caller, b"no image")
    assert refused.status_code == 422
    stored = _handed_in(caller, png_of_strokes(RED))
    assert stored.status_code == 200, stored.text
    assert "màu xanh" in stored.json["remarks"][0]
    kept = caller.get(ADDRESS).json
    assert kept.items() <= stored.json.items()
    assert caller.get(f"{ADDRESS}/file").data == services.files.get(kept["sha256"])
    assert caller.delete(ADDRESS).status_code == 204
    assert caller.delete(ADDRESS).status_code == 404


def test_only_for_those_who_sign(city: City, nobody: Caller) -> None:
    """An auditor has no signature to show."""
    auditor = nobody.log_in(*city.account("kiem-toan", Role.AUDITOR, None))
    assert auditor.get(ADDRESS).status_code == 403
