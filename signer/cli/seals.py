"""`signer seal`: the seals of bodies, from the wish to the end."""

from pathlib import Path

import click

from signer.accounts import SYSTEM, Actor, Permission
from signer.cli import console
from signer.cli.console import _, say, secret_from
from signer.issuance.grounds import BODY_GROUNDS, Ground
from signer.issuance.seal_views import STATE_NAMES
from signer.services import Services

seal = click.Group("seal", help=_("Con dấu số của cơ quan và người giữ con dấu."))
_keeper = click.option(
    "--keeper", required=True, help=_("Mã cán bộ của người giữ, thuộc chính cơ quan đó.")
)
_paper = click.option(
    "--document", "document_ref", required=True, help=_("Số, ký hiệu văn bản làm căn cứ.")
)
_unit = click.option("--unit", "unit_code", required=True, help=_("Mã cơ quan có con dấu."))
_seal_id = click.argument("seal_id", type=int)


@seal.command(help=_("Đề nghị cấp con dấu số cho một cơ quan; người khác phải duyệt."))
@_unit
@_keeper
@_paper
@click.option("--reason", default="", help=_("Lý do đề nghị."))
@console.json_option
@console.as_officer(Permission.REQUEST_CREATE)
def create(
    services: Services,
    actor: Actor,
    unit_code: str,
    keeper: str,
    document_ref: str,
    reason: str,
) -> None:
    """A request that waits for a second person."""
    seal_id = services.issuance.seals.create(
        actor, unit_code=unit_code, keeper_code=keeper, document_ref=document_ref, reason=reason
    )
    console.answer({"id": seal_id}, _("Đã lập đề nghị con dấu số %(id)d, chờ người khác duyệt."))


@seal.command("hand-over", help=_("Đề nghị bàn giao con dấu số cho người khác giữ."))
@_seal_id
@_keeper
@_paper
@console.json_option
@console.as_officer(Permission.REQUEST_CREATE)
def hand_over(
    services: Services, actor: Actor, seal_id: int, keeper: str, document_ref: str
) -> None:
    """A request for a new key; the present keeper has the old one until that is approved."""
    made = services.issuance.seals.hand_over(actor, seal_id, keeper, document_ref)
    console.answer({"id": made}, _("Đã lập đề nghị con dấu số %(id)d, chờ người khác duyệt."))


@seal.command(help=_("Duyệt một đề nghị con dấu số; người lập không được tự duyệt."))
@_seal_id
@click.option("--note", default="", help=_("Ghi chú."))
@console.json_option
@console.as_officer(Permission.REQUEST_APPROVE)
def approve(services: Services, actor: Actor, seal_id: int, note: str) -> None:
    """The job waits for `signer issue` or a worker."""
    job_id = services.issuance.seals.approve(actor, seal_id, note)
    console.answer({"id": seal_id, "job": job_id}, _("Đã duyệt đề nghị con dấu số %(id)d."))


@seal.command(help=_("Không duyệt một đề nghị con dấu số, có ghi lý do."))
@_seal_id
@click.option("--reason", required=True, help=_("Lý do không duyệt."))
@console.as_officer(Permission.REQUEST_APPROVE)
def reject(services: Services, actor: Actor, seal_id: int, reason: str) -> None:
    """The request is over; another one may be made."""
    services.issuance.seals.reject(actor, seal_id, reason)
    say(_("Đã từ chối đề nghị con dấu số %(id)d."), id=seal_id)


@seal.command(help=_("Rút lại đề nghị con dấu số do chính mình lập, khi chưa ai duyệt."))
@_seal_id
@console.as_officer(Permission.REQUEST_CREATE)
def cancel(services: Services, actor: Actor, seal_id: int) -> None:
    """The request is over; another one may be made."""
    services.issuance.seals.cancel(actor, seal_id)
    say(_("Đã rút lại đề nghị con dấu số %(id)d."), id=seal_id)


@seal.command(help=_("Thu hồi hẳn con dấu số; văn bản đã đóng dấu vẫn có giá trị."))
@_seal_id
@click.option(
    "--ground",
    type=console.OneOf(Ground, among=BODY_GROUNDS),
    required=True,
    help=_("Căn cứ thu hồi."),
)
@_paper
@console.yes_option
@console.as_officer(Permission.CERTIFICATE_REVOKE)
def end(
    services: Services, actor: Actor, seal_id: int, ground: Ground, document_ref: str, yes: bool
) -> None:
    """The certificate is revoked and the key never signs again."""
    seals = services.issuance.seals
    if not yes:
        unit = seals.view_of(actor, seal_id).unit_name
        say(
            _("Con dấu số %(id)d của %(unit)s sẽ bị thu hồi hẳn; việc này không hoàn tác được."),
            err=True,
            id=seal_id,
            unit=unit,
        )
        click.confirm(_("Tiếp tục?"), abort=True, err=True)
    seals.end(actor, seal_id, ground=ground, document_ref=document_ref)
    say(_("Đã thu hồi con dấu số %(id)d."), id=seal_id)


@seal.command(help=_("Đặt mã PIN cho con dấu số của cơ quan, do người giữ con dấu chọn."))
@_unit
@console.pin_option
@console.with_services
def activate(services: Services, unit_code: str, pin_file: Path) -> None:
    """The seal's key is sealed under its keeper's PIN for it."""
    pin = secret_from(pin_file)
    unit = services.inventory.unit_of(unit_code)
    services.signing.activate_seal_of(unit.id, pin, SYSTEM.name)
    say(_("Đã đặt mã PIN cho con dấu số của %(unit)s."), unit=unit.name)


@seal.command(help=_("Nộp hình ảnh con dấu (PNG màu đỏ) với kích thước thật."))
@click.argument("image", type=console.FILE)
@_unit
@click.option("--width", type=float, required=True, help=_("Chiều rộng thật, tính bằng mm."))
@click.option("--height", type=float, required=True, help=_("Chiều cao thật, tính bằng mm."))
@console.with_services
def image(services: Services, image: Path, unit_code: str, width: float, height: float) -> None:
    """The body's seals look like IMAGE from now on."""
    found = services.signing.seal_images.store(SYSTEM, unit_code, image.read_bytes(), width, height)
    for sentence in found:
        say(_(sentence), err=True)
    say(_("Đã lưu hình ảnh con dấu của đơn vị %(unit)s."), unit=unit_code)


@seal.command("list", help=_("Liệt kê con dấu số của các cơ quan, mới nhất trước."))
@click.option("--unit", help=_("Chỉ của cơ quan có mã này."))
@console.listing()
def list_seals(services: Services, unit: str | None) -> console.Rows:
    """All of them, a page at a time."""
    before: int | None = None
    while page := services.issuance.seals.page(SYSTEM, before=before):
        for row in page:
            if unit in (None, row.unit_code):
                state = f"{_(STATE_NAMES[row.state]):<16}"
                line = f"{row.id:>6}  {state} {row.unit_name} · {row.keeper_name}"
                names = ("id", "state", "unit_name", "keeper_code", "keeper_name", "not_after")
                facts = console.facts(row, *names, unit="unit_code", certificate="serial_hex")
                yield facts, line
        before = page[-1].id
