"""`signer account`: who may log in."""

import click

from signer.accounts import SYSTEM, Role
from signer.cli.console import _, show_json, with_services
from signer.services import Services


@click.group(help=_("Tài khoản đăng nhập."))
def account() -> None:
    """Commands about accounts."""


@account.command(help=_("Tạo tài khoản và in mật khẩu dùng một lần."))
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([r.value for r in Role]),
    required=True,
    help=_("Vai trò trong phạm vi đơn vị."),
)
@click.option("--unit", help=_("Mã đơn vị; bỏ trống là toàn thành phố."))
@click.option("--person", "person_code", help=_("Mã cán bộ mà tài khoản này thuộc về."))
@click.option("--json", "as_json", is_flag=True, help=_("In kết quả dạng JSON."))
@with_services
def create(
    services: Services,
    name: str,
    role: str,
    unit: str | None,
    person_code: str | None,
    as_json: bool,
) -> None:
    """A new account with one role over a unit's subtree; its password is printed once."""
    path = services.inventory.unit_of(unit).path if unit else ""
    person = (
        services.inventory.person_of(SYSTEM, person_code)
        if person_code
        else services.logins.find_person_for(name)
    )
    made = services.accounts.create(
        SYSTEM,
        name=name,
        role=Role(role),
        scope_path=path,
        display_name=person.full_name if person else None,
    )
    if person is not None:
        services.inventory.link_account(SYSTEM, person.id, made.id)
    if as_json:
        show_json({"name": made.name, "role": role, "unit": unit, "password": made.password})
        return
    click.echo(_("Tài khoản: %(name)s") % {"name": made.name})
    click.echo(
        _("Mật khẩu dùng một lần, phải đổi khi đăng nhập: %(password)s")
        % {"password": made.password}
    )
