"""Signing that lasts: an envelope per factor, approvals of lists, levels, our own revisions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To the new shape; every sealed key moves into an envelope under its PIN."""
    op.create_table(
        "pdf_revision",
        sa.Column("output_sha256", sa.String(length=64), nullable=False),
        sa.Column("input_sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('sign', 'stamp', 'fields', 'repair')", name=op.f("ck_pdf_revision_kind")
        ),
        sa.PrimaryKeyConstraint("output_sha256", name=op.f("pk_pdf_revision")),
    )
    with op.batch_alter_table("pdf_revision", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_pdf_revision_input_sha256"), ["input_sha256"], unique=False
        )

    op.create_table(
        "signature_image",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_signature_image_person_id")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_signature_image")),
    )
    op.create_table(
        "document_showing",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_document_showing_document_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_document_showing_person_id")
        ),
        sa.PrimaryKeyConstraint(
            "person_id", "document_id", "sha256", name=op.f("pk_document_showing")
        ),
    )
    op.create_table(
        "key_envelope",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("signing_key_id", sa.Integer(), nullable=False),
        sa.Column("factor", sa.String(length=10), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True),
        sa.Column("credential_public_key", sa.LargeBinary(), nullable=True),
        sa.Column("sign_count", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(factor = 'passkey') = (credential_id IS NOT NULL AND credential_public_key IS NOT NULL AND sign_count IS NOT NULL)",
            name=op.f("ck_key_envelope_passkey_has_credential"),
        ),
        sa.CheckConstraint("factor IN ('pin', 'passkey')", name=op.f("ck_key_envelope_factor")),
        sa.ForeignKeyConstraint(
            ["signing_key_id"], ["signing_key.id"], name=op.f("fk_key_envelope_signing_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_envelope")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_key_envelope_credential_id")),
    )
    with op.batch_alter_table("key_envelope", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_key_envelope_signing_key_id"), ["signing_key_id"], unique=False
        )
        batch_op.create_index(
            "uq_key_envelope_pin",
            ["signing_key_id"],
            unique=True,
            sqlite_where=sa.text("factor = 'pin' AND retired_at IS NULL"),
            postgresql_where=sa.text("factor = 'pin' AND retired_at IS NULL"),
        )

    op.create_table(
        "key_guard",
        sa.Column("signing_key_id", sa.Integer(), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.CheckConstraint("attempts_left >= 0", name=op.f("ck_key_guard_attempts")),
        sa.ForeignKeyConstraint(
            ["signing_key_id"], ["signing_key.id"], name=op.f("fk_key_guard_signing_key_id")
        ),
        sa.PrimaryKeyConstraint("signing_key_id", name=op.f("pk_key_guard")),
    )
    op.execute(
        "INSERT INTO key_envelope (signing_key_id, factor, salt, envelope, created_at)"
        " SELECT signing_key_id, 'pin', salt, envelope, activated_at FROM activation"
        " ORDER BY signing_key_id"
    )
    op.execute(
        "INSERT INTO key_guard (signing_key_id, attempts_left)"
        " SELECT signing_key_id, attempts_left FROM activation"
    )
    op.drop_table("activation")
    op.create_table(
        "activation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("signing_key_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("factor", sa.String(length=10), nullable=True),
        sa.Column("list_sha256", sa.String(length=64), nullable=False),
        sa.Column("documents", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.CheckConstraint("factor IN ('pin', 'passkey')", name=op.f("ck_activation_factor")),
        sa.CheckConstraint("state IN ('open', 'used', 'void')", name=op.f("ck_activation_state")),
        sa.CheckConstraint(
            "(state = 'used') = (used_at IS NOT NULL AND factor IS NOT NULL"
            " AND evidence IS NOT NULL)",
            name=op.f("ck_activation_used_has_evidence"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_activation_person_id")),
        sa.ForeignKeyConstraint(
            ["signing_key_id"], ["signing_key.id"], name=op.f("fk_activation_signing_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation")),
    )
    with op.batch_alter_table("activation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_activation_person_id"), ["person_id"], unique=False)

    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.add_column(sa.Column("protected_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_document_protected_until"), ["protected_until"], unique=False
        )

    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.add_column(sa.Column("activation_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("level", sa.String(length=5), nullable=True))
        batch_op.add_column(sa.Column("wanted_level", sa.String(length=5), nullable=True))
        batch_op.add_column(
            sa.Column("unseen", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.create_index(
            batch_op.f("ix_signature_activation_id"), ["activation_id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_signature_activation_id"), "activation", ["activation_id"], ["id"]
        )

    _set_step_states("'blocked', 'waiting', 'stamping', 'signed', 'returned'")
    for guard in _GUARDS:
        _make_guard(*guard)


def downgrade() -> None:
    """Back to the old one; passkeys, approvals and showings go, PIN envelopes and tries stay."""
    for name, when, _, _ in _GUARDS:
        _drop_guard(name, when)
    op.execute("UPDATE step SET state = 'signed' WHERE state = 'stamping'")
    _set_step_states("'blocked', 'waiting', 'signed', 'returned'")
    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_signature_activation_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_signature_activation_id"))
        batch_op.drop_column("unseen")
        batch_op.drop_column("wanted_level")
        batch_op.drop_column("level")
        batch_op.drop_column("activation_id")

    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_document_protected_until"))
        batch_op.drop_column("protected_until")

    with op.batch_alter_table("activation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_activation_person_id"))

    op.drop_table("activation")
    op.create_table(
        "activation",
        sa.Column("signing_key_id", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("attempts_left >= 0", name=op.f("ck_activation_attempts")),
        sa.ForeignKeyConstraint(
            ["signing_key_id"], ["signing_key.id"], name=op.f("fk_activation_signing_key_id")
        ),
        sa.PrimaryKeyConstraint("signing_key_id", name=op.f("pk_activation")),
    )
    op.execute(
        "INSERT INTO activation (signing_key_id, salt, envelope, attempts_left, activated_at)"
        " SELECT e.signing_key_id, e.salt, e.envelope, g.attempts_left, e.created_at"
        " FROM key_envelope AS e JOIN key_guard AS g ON g.signing_key_id = e.signing_key_id"
        " WHERE e.factor = 'pin' AND e.retired_at IS NULL"
    )
    op.drop_table("key_guard")
    op.drop_table("key_envelope")
    op.drop_table("document_showing")
    op.drop_table("signature_image")
    op.drop_table("pdf_revision")


_GUARDS = (
    (
        "activation_settled",
        "UPDATE ON activation",
        "OLD.state <> 'open' OR NEW.list_sha256 <> OLD.list_sha256 OR NEW.documents <> OLD.documents"
        " OR NEW.person_id <> OLD.person_id OR NEW.signing_key_id <> OLD.signing_key_id"
        " OR NEW.expires_at <> OLD.expires_at",
        "an activation is used once",
    ),
    ("activation_kept", "DELETE ON activation", "true", "evidence is kept"),
)


def _set_step_states(states: str) -> None:
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_step_state"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_step_state"), f"state IN ({states})")


def _make_guard(name: str, when: str, test: str, sentence: str) -> None:
    """A trigger that refuses; as `signer.db.guard` makes it for a database without history."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {when} WHEN {test} "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )
        return
    returns = "OLD" if when.startswith("DELETE") else "NEW"
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {test} THEN RAISE EXCEPTION '{sentence}'; END IF; RETURN {returns}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _drop_guard(name: str, when: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {name}")
        return
    op.execute(f"DROP TRIGGER {name} ON {when.split(' ON ')[1]}")
    op.execute(f"DROP FUNCTION {name}()")
