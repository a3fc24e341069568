"""`signer account`: who may log in."""

import click

from signer.accounts import SYSTEM, Role
from signer.cli import console
from signer.cli.console import _, say
from signer.services import Services

account = click.Group("account", help=_("Tài khoản đăng nhập."))


@account.command(help=_("Tạo tài khoản và in mật khẩu dùng một lần."))
@click.argument("name")
@click.option(
    "--role", type=console.OneOf(Role), required=True, help=_("Vai trò trong phạm vi đơn vị.")
)
@console.unit_option
@click.option("--person", "code", help=_("Mã cán bộ mà tài khoản này thuộc về."))
@console.json_option
@console.with_services
def create(services: Services, name: str, role: Role, unit: str | None, code: str | None) -> None:
    """A new account with one role over a unit's subtree; its password is printed once."""
    inventory = services.inventory
    path = inventory.unit_of(unit).path if unit else ""
    person = inventory.person_of(SYSTEM, code) if code else services.logins.find_person_for(name)
    holder = person.full_name if person else None
    made = services.accounts.create(
        SYSTEM, name=name, role=role, scope_path=path, display_name=holder
    )
    if person is not None:
        inventory.link_account(SYSTEM, person.id, made.id)
    if console.wants_json():
        told = {"name": made.name, "role": role, "unit": unit, "password": made.password}
        console.show_json(told)
        return
    say(_("Tài khoản: %(name)s"), name=made.name)
    say(_("Mật khẩu dùng một lần, phải đổi khi đăng nhập: %(password)s"), password=made.password)
