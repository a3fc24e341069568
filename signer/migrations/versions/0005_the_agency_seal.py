"""The agency's seal: its certificate and keeper, its image, and the steps that set it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STEP_KEYS = (
    ("uq_step_person", ["document_id", "person_id", "kind"], "unit_id IS NULL"),
    ("uq_step_seal", ["document_id", "unit_id", "kind"], "state <> 'withdrawn'"),
)


def upgrade() -> None:
    """To the new shape."""
    op.create_table(
        "seal_image",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("width_mm", sa.Double(), nullable=False),
        sa.Column("height_mm", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_seal_image_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_seal_image")),
    )
    op.create_table(
        "seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("keeper_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("document_ref", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requester_id", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approver_id", sa.Integer(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("end_ground", sa.String(length=40), nullable=True),
        sa.Column("end_document_ref", sa.String(length=100), nullable=True),
        sa.Column("ended_by", sa.String(length=200), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'ready', 'rejected', 'cancelled', 'ending', 'ended')",
            name=op.f("ck_seal_state"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'cancelled') OR approver_id IS NOT NULL",
            name=op.f("ck_seal_decided"),
        ),
        sa.CheckConstraint("approver_id <> requester_id", name=op.f("ck_seal_not_own_request")),
        sa.ForeignKeyConstraint(["approver_id"], ["account.id"], name=op.f("fk_seal_approver_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_seal_job_id")),
        sa.ForeignKeyConstraint(["keeper_id"], ["person.id"], name=op.f("fk_seal_keeper_id")),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["account.id"], name=op.f("fk_seal_requester_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_seal_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal")),
    )
    with op.batch_alter_table("seal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seal_keeper_id"), ["keeper_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_seal_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_seal_unit_id"), ["unit_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_seal_unit_path"), ["unit_path"], unique=False)
        batch_op.create_index(
            "uq_seal_live_unit",
            ["unit_id"],
            unique=True,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            "uq_seal_open_unit",
            ["unit_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('pending', 'approved')"),
            postgresql_where=sa.text("state IN ('pending', 'approved')"),
        )

    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seal_id", sa.Integer(), nullable=True))
        batch_op.alter_column("person_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.alter_column("request_item_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_unique_constraint(batch_op.f("uq_signing_key_seal_id"), ["seal_id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_signing_key_seal_id"), "seal", ["seal_id"], ["id"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_signing_key_one_owner"),
            "(seal_id IS NULL) = (person_id IS NOT NULL)"
            " AND (person_id IS NULL) = (request_item_id IS NULL)",
        )

    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("kind", sa.String(length=10), server_default="sign", nullable=False)
        )
        batch_op.add_column(sa.Column("unit_id", sa.Integer(), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_step_document_id_person_id"), type_="unique")
        batch_op.create_index(batch_op.f("ix_step_unit_id"), ["unit_id"], unique=False)
        for name, columns, which in _STEP_KEYS:
            batch_op.create_index(
                name,
                columns,
                unique=True,
                sqlite_where=sa.text(which),
                postgresql_where=sa.text(which),
            )
        batch_op.drop_constraint(batch_op.f("ck_step_state"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_step_state"),
            "state IN ('blocked', 'waiting', 'stamping', 'signed', 'returned', 'withdrawn')",
        )
        batch_op.create_foreign_key(batch_op.f("fk_step_unit_id"), "org_unit", ["unit_id"], ["id"])
        batch_op.create_check_constraint(
            batch_op.f("ck_step_kind"),
            "kind IN ('sign', 'initial', 'seal', 'copy', 'appendix', 'incoming')",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_step_agency_has_unit"),
            "(unit_id IS NULL) = (kind IN ('sign', 'initial'))",
        )


def downgrade() -> None:
    """Back to the old one, which has no room for a seal's key or a step that is no signature."""
    for what, rows in (
        ("keys of seals", "SELECT 1 FROM signing_key WHERE seal_id IS NOT NULL LIMIT 1"),
        ("steps that are no plain signature", "SELECT 1 FROM step WHERE kind <> 'sign' LIMIT 1"),
    ):
        if op.get_bind().execute(sa.text(rows)).first():
            raise RuntimeError(f"there are {what}: going back would lose them")
    with op.batch_alter_table("step", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_step_agency_has_unit"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_step_kind"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_step_unit_id"), type_="foreignkey")
        for name, _columns, _which in _STEP_KEYS:
            batch_op.drop_index(name)
        batch_op.drop_constraint(batch_op.f("ck_step_state"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_step_state"),
            "state IN ('blocked', 'waiting', 'stamping', 'signed', 'returned')",
        )
        batch_op.drop_index(batch_op.f("ix_step_unit_id"))
        batch_op.create_unique_constraint(
            batch_op.f("uq_step_document_id_person_id"), ["document_id", "person_id"]
        )
        batch_op.drop_column("unit_id")
        batch_op.drop_column("kind")

    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_signing_key_one_owner"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_signing_key_seal_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_signing_key_seal_id"), type_="unique")
        batch_op.alter_column("request_item_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.alter_column("person_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("seal_id")

    with op.batch_alter_table("seal", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_seal_open_unit",
            sqlite_where=sa.text("state IN ('pending', 'approved')"),
            postgresql_where=sa.text("state IN ('pending', 'approved')"),
        )
        batch_op.drop_index(
            "uq_seal_live_unit",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(batch_op.f("ix_seal_unit_path"))
        batch_op.drop_index(batch_op.f("ix_seal_unit_id"))
        batch_op.drop_index(batch_op.f("ix_seal_state"))
        batch_op.drop_index(batch_op.f("ix_seal_keeper_id"))

    op.drop_table("seal")
    op.drop_table("seal_image")
