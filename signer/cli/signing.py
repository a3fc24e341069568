"""`signer activate`, `signer sign`."""

from hashlib import sha256
from pathlib import Path

import click

from signer.accounts import SYSTEM
from signer.cli import console
from signer.cli.console import _, say, secret_from
from signer.errors import N_, Invalid
from signer.services import Services
from signer.signing.approvals import Place
from signer.signing.geometry import Box
from signer.signing.levels import Level

_person = click.option("--person", "code", required=True, help=_("Mã cán bộ."))


@click.command(help=_("Đặt mã PIN cho khóa ký của một người; khóa đang bị khóa được cấp lại."))
@_person
@console.pin_option
@console.with_services
def activate(services: Services, code: str, pin_file: Path) -> None:
    """The person's key is sealed under the PIN; a locked key is first replaced by a new one."""
    pin = secret_from(pin_file)
    person = services.inventory.person_of(SYSTEM, code)
    if services.signing.key_of_person(person).state == "locked":
        services.issuance.allow_reactivation(SYSTEM, code)
    services.signing.activate_person(person, pin, SYSTEM.name)
    say(_("Đã kích hoạt chữ ký số của %(name)s."), name=person.full_name)


@click.command(help=_("Ký một tệp PDF bằng khóa của một người."))
@click.argument("source", type=console.FILE)
@_person
@console.pin_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help=_("Tệp kết quả."),
)
@click.option("--near", help=_("Đặt chữ ký gần dòng chữ này; mặc định là họ tên người ký."))
@click.option("--page", type=click.IntRange(min=1), help=_("Trang, đếm từ 1; cần có --box."))
@click.option("--box", help=_("x1,y1,x2,y2 tính bằng point từ góc dưới bên trái."))
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    help=_("Mức chữ ký PAdES; mặc định theo thiết lập."),
)
@click.option(
    "--certify",
    is_flag=True,
    default=None,
    help=_("Chữ ký đầu tiên chứng nhận tài liệu: sau đó chỉ được ký thêm."),
)
@console.json_option
@console.with_services
def sign(
    services: Services,
    source: Path,
    code: str,
    pin_file: Path,
    out: Path,
    near: str | None,
    page: int | None,
    box: str | None,
    level: str | None,
    certify: bool | None,
) -> None:
    """OUT is SOURCE with one more visible signature; asked twice, it is the same file."""
    pin = secret_from(pin_file)
    if (page is None) != (box is None) or (near and box):
        raise Invalid(N_("Hãy cho cả --page và --box, hoặc chỉ --near."))
    person = services.inventory.person_of(SYSTEM, code)
    report = services.signing.preflight(source)
    if not report.may_sign:
        raise Invalid(report.sentence, **report.values)
    if box is not None and page is not None:
        place = Place(page=page, box=_box(box))
    else:
        title = "" if near else person.title or ""
        found = services.signing.propose_in(source, near or person.full_name, title)
        place = Place(page=found.page, box=found.box, field_name=found.field_name)
    stored = services.files.put(source)
    key = services.signing.key_of_person(person)
    act = sha256(f"{stored} {key.serial_hex} {place} {level} {certify}".encode()).hexdigest()
    signed = services.signing.sign_as(
        person,
        SYSTEM.name,
        intent=f"file-{act}",
        input_sha256=stored,
        pin=pin,
        place=place,
        level=None if level is None else Level(level),
        certify=certify,
    )
    signed, is_stamped = services.document_stamps.stamp_file(signed)
    out.write_bytes(services.files.get(signed))
    if not is_stamped:
        say(_("Chưa lấy được dấu thời gian: tệp chỉ đạt mức B-B."), err=True)
    if console.wants_json():
        told = {"out": str(out), "sha256": signed, "page": place.page, "is_stamped": is_stamped}
        console.show_json(told)
    else:
        say(_("Đã ký: %(file)s"), file=out)


def _box(text: str) -> Box:
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError as error:
        raise Invalid(N_("--box cần bốn số x1,y1,x2,y2."), field="box") from error
    return Box(x0=min(x0, x1), y0=min(y0, y1), x1=max(x0, x1), y1=max(y0, y1))
