"""Revocation: suspension, sharded lists, stored OCSP answers, orders, and triggers on the ledger."""

import hashlib

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES_NOW = {
    "state_known": "state IN ('reserved', 'issued', 'suspended', 'revoked', 'abandoned')",
    "issued_has_date": "(state IN ('issued', 'suspended', 'revoked')) = (issued_at IS NOT NULL)",
    "revoked_has_date": "(state IN ('suspended', 'revoked')) = (revoked_at IS NOT NULL)",
}
_STATES_BEFORE = {
    "state_known": "state IN ('reserved', 'issued', 'revoked', 'abandoned')",
    "issued_has_date": "(state IN ('issued', 'revoked')) = (issued_at IS NOT NULL)",
    "revoked_has_date": "(state = 'revoked') = (revoked_at IS NOT NULL)",
}
_GUARDS = (
    ("certificate_no_delete", "DELETE ON certificate", "true", "a serial is never deleted"),
    (
        "certificate_keeps_serial",
        "UPDATE OF serial_hex ON certificate",
        "true",
        "a serial is fixed",
    ),
    (
        "certificate_is_final",
        "UPDATE OF state ON certificate",
        "OLD.state IN ('revoked', 'abandoned') AND NEW.state <> OLD.state",
        "revoked and abandoned are final",
    ),
    (
        "certificate_bytes_no_delete",
        "DELETE ON certificate_bytes",
        "true",
        "bytes are never deleted",
    ),
    (
        "certificate_bytes_keep_tbs",
        "UPDATE OF tbs_der ON certificate_bytes",
        "true",
        "a serial has one TBS",
    ),
    (
        "certificate_bytes_keep_der",
        "UPDATE OF certificate_der ON certificate_bytes",
        "OLD.certificate_der IS NOT NULL",
        "a certificate is fixed",
    ),
    ("crl_no_delete", "DELETE ON crl", "true", "a CRL number is never deleted"),
    ("crl_keeps_number", "UPDATE OF number ON crl", "true", "a CRL number is fixed"),
    (
        "crl_number_rises",
        "INSERT ON crl",
        "NEW.number <= (SELECT max(number) FROM crl)",
        "CRL numbers rise (RFC 5280 section 5.2.3)",
    ),
)


def upgrade() -> None:
    """To the new shape."""
    op.create_table(
        "ocsp_answer",
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("cert_id", sa.LargeBinary(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("this_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_update", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_ocsp_answer_certificate_id")
        ),
        sa.PrimaryKeyConstraint("certificate_id", "cert_id", name=op.f("pk_ocsp_answer")),
    )
    op.create_table(
        "revocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("ground", sa.String(length=40), nullable=True),
        sa.Column("document_ref", sa.String(length=100), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'done') = (done_at IS NOT NULL)", name=op.f("ck_revocation_done_has_date")
        ),
        sa.CheckConstraint(
            "kind IN ('revoke', 'suspend', 'release', 'change')", name=op.f("ck_revocation_kind")
        ),
        sa.CheckConstraint(
            "state IN ('draft', 'ordered', 'done', 'dismissed')", name=op.f("ck_revocation_state")
        ),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_revocation_certificate_id")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_revocation_job_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_revocation_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation")),
    )
    with op.batch_alter_table("revocation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_revocation_certificate_id"), ["certificate_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_revocation_job_id"), ["job_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_revocation_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_revocation_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_revocation_unit_path"), ["unit_path"], unique=False)
        batch_op.create_index(
            "uq_revocation_open_certificate",
            ["certificate_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('draft', 'ordered')"),
            postgresql_where=sa.text("state IN ('draft', 'ordered')"),
        )

    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shard", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("predecessor_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("invalid_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_certificate_predecessor_id"), ["predecessor_id"], unique=False
        )
        batch_op.create_index("ix_certificate_shard_state", ["shard", "state"], unique=False)
        batch_op.create_index(
            "ix_certificate_listed",
            [
                *("state", "shard", "serial_hex", "revoked_at", "reserved_at"),
                *("revocation_reason", "invalid_since"),
            ],
            unique=False,
            sqlite_where=sa.text("state IN ('suspended', 'revoked', 'abandoned')"),
            postgresql_where=sa.text("state IN ('suspended', 'revoked', 'abandoned')"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_certificate_predecessor_id"), "certificate", ["predecessor_id"], ["id"]
        )
        _set_checks(batch_op, "certificate", _STATES_NOW)

    with op.batch_alter_table("certificate_request", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("kind", sa.String(length=10), server_default="issue", nullable=False)
        )
        kinds = {"kind": "kind IN ('issue', 'renew', 'change', 'rekey')"}
        _set_checks(batch_op, "certificate_request", kinds)

    with op.batch_alter_table("crl", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shard", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("audit_seq", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("sha256", sa.String(length=64), nullable=True))
        batch_op.create_index("ix_crl_shard_number", ["shard", "number"], unique=False)
    _hash_lists()
    for guard in _GUARDS:
        _make_guard(*guard)


def downgrade() -> None:
    """Back to the old one; what was suspended stays off by being revoked."""
    for name, when, _, _ in _GUARDS:
        _drop_guard(name, when)
    op.execute("UPDATE certificate SET state = 'revoked' WHERE state = 'suspended'")
    with op.batch_alter_table("crl", schema=None) as batch_op:
        batch_op.drop_index("ix_crl_shard_number")
        batch_op.drop_column("sha256")
        batch_op.drop_column("audit_seq")
        batch_op.drop_column("shard")

    with op.batch_alter_table("certificate_request", schema=None) as batch_op:
        _set_checks(batch_op, "certificate_request", {}, gone=("kind",))
        batch_op.drop_column("kind")

    with op.batch_alter_table("certificate", schema=None) as batch_op:
        _set_checks(batch_op, "certificate", _STATES_BEFORE)
        batch_op.drop_constraint(batch_op.f("fk_certificate_predecessor_id"), type_="foreignkey")
        batch_op.drop_index("ix_certificate_listed")
        batch_op.drop_index("ix_certificate_shard_state")
        batch_op.drop_index(batch_op.f("ix_certificate_predecessor_id"))
        batch_op.drop_column("invalid_since")
        batch_op.drop_column("predecessor_id")
        batch_op.drop_column("shard")

    with op.batch_alter_table("revocation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_revocation_open_certificate",
            sqlite_where=sa.text("state IN ('draft', 'ordered')"),
            postgresql_where=sa.text("state IN ('draft', 'ordered')"),
        )
        batch_op.drop_index(batch_op.f("ix_revocation_unit_path"))
        batch_op.drop_index(batch_op.f("ix_revocation_state"))
        batch_op.drop_index(batch_op.f("ix_revocation_person_id"))
        batch_op.drop_index(batch_op.f("ix_revocation_job_id"))
        batch_op.drop_index(batch_op.f("ix_revocation_certificate_id"))

    op.drop_table("revocation")
    op.drop_table("ocsp_answer")


def _set_checks(
    batch_op: BatchOperations, table: str, checks: dict[str, str], gone: tuple[str, ...] = ()
) -> None:
    """The table has these checks in place of those of the same name, and none of the `gone`."""
    known = {c["name"] for c in sa.inspect(op.get_bind()).get_check_constraints(table)}
    for name in (*checks, *gone):
        if f"ck_{table}_{name}" in known:
            batch_op.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
    for name, condition in checks.items():
        batch_op.create_check_constraint(op.f(f"ck_{table}_{name}"), sa.text(condition))


def _hash_lists() -> None:
    crl = sa.table(
        "crl", sa.column("number"), sa.column("der", sa.LargeBinary), sa.column("sha256")
    )
    connection = op.get_bind()
    for number, der in connection.execute(sa.select(crl.c.number, crl.c.der)).all():
        if der is not None:
            digest = hashlib.sha256(der).hexdigest()
            connection.execute(sa.update(crl).where(crl.c.number == number).values(sha256=digest))


def _make_guard(name: str, when: str, condition: str, sentence: str) -> None:
    """A trigger that refuses; as `signer.db.guard` makes it for a database without history."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {when} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )
        return
    returns = "OLD" if when.startswith("DELETE") else "NEW"
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} "
        f"THEN RAISE EXCEPTION '{sentence}'; END IF; RETURN {returns}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _drop_guard(name: str, when: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {name}")
        return
    op.execute(f"DROP TRIGGER {name} ON {when.split(' ON ')[1]}")
    op.execute(f"DROP FUNCTION {name}()")
