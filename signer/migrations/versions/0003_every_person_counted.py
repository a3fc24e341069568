"""Every person counted: units with history, coverage kept as sums, outside certificates, campaigns."""

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To the new shape."""

    op.create_table(
        "name_word",
        sa.Column(
            "word",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_name_word")),
    )
    op.create_table(
        "outside_crl",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("anchor", sa.String(length=100), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=True),
        sa.Column("this_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.String(length=100), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_crl")),
        sa.UniqueConstraint("sha256", name=op.f("uq_outside_crl_sha256")),
    )
    with op.batch_alter_table("outside_crl", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outside_crl_anchor"), ["anchor"], unique=False)

    op.create_table(
        "report_draft",
        sa.Column("unit_code", sa.String(length=35), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "week", "month", "quarter", "year", name="periodkind", native_enum=False, length=20
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("unit_code", "kind", "starts_on", name=op.f("pk_report_draft")),
    )
    op.create_table(
        "report_snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "week", "month", "quarter", "year", name="periodkind", native_enum=False, length=20
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("unit_code", sa.String(length=35), nullable=False),
        sa.Column("unit_name", sa.String(length=200), nullable=False),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("frozen_by", sa.String(length=100), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version = 1 OR reason <> ''", name=op.f("ck_report_snapshot_reason")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_report_snapshot_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_snapshot")),
        sa.UniqueConstraint(
            "unit_code",
            "kind",
            "starts_on",
            "version",
            name=op.f("uq_report_snapshot_unit_code_kind_starts_on_version"),
        ),
    )
    with op.batch_alter_table("report_snapshot", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_report_snapshot_unit_path"), ["unit_path"], unique=False
        )

    op.create_table(
        "roster_mapping",
        sa.Column(
            "scope_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("heading", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=30), nullable=True),
        sa.PrimaryKeyConstraint("scope_path", "heading", name=op.f("pk_roster_mapping")),
    )
    op.create_table(
        "state_policy",
        sa.Column(
            "state",
            sa.Enum(
                "working",
                "seconded",
                "rotated",
                "awaiting_placement",
                "maternity_leave",
                "unpaid_leave",
                "long_study",
                "suspended",
                "transferred",
                "retired",
                "resigned",
                "dismissed",
                "deceased",
                name="personstate",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("may_sign", sa.Boolean(), nullable=False),
        sa.Column(
            "consequence",
            sa.Enum(
                "none",
                "change_or_revoke",
                "suspend_use",
                "revoke",
                name="consequence",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("decided_by", sa.String(length=100), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_state_policy")),
    )
    op.create_table(
        "outside_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("certificates", "list", name="importkind", native_enum=False),
            nullable=False,
        ),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("report_sha256", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.String(length=2000), nullable=False),
        sa.Column("imported_by", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum("checked", "applied", name="importstate", native_enum=False, length=12),
            nullable=False,
        ),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('checked', 'applied')", name=op.f("ck_outside_import_state")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_outside_import_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_import")),
    )
    with op.batch_alter_table("outside_import", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outside_import_imported_by"), ["imported_by"], unique=False
        )

    op.create_table(
        "unit_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("decision", sa.String(length=100), nullable=False),
        sa.Column("ordered", sa.Text(), nullable=False),
        sa.Column("heirs", sa.Text(), nullable=False),
        sa.Column(
            "scope_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("ordered_by", sa.String(length=100), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(length=100), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('open', 'close', 'rename', 'move', 'merge', 'split')",
            name=op.f("ck_unit_change_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'carrying', 'done', 'refused', 'undoing', 'undone')",
            name=op.f("ck_unit_change_state"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_unit_change_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_change")),
    )
    with op.batch_alter_table("unit_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_change_state"), ["state"], unique=False)

    op.create_table(
        "roster_chunk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("begins", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overtaken", sa.Text(), server_default="[]", nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["roster_import.id"], name=op.f("fk_roster_chunk_import_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_chunk")),
        sa.UniqueConstraint("import_id", "number", name=op.f("uq_roster_chunk_import_id_number")),
    )
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("target_percent", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_campaign_order")),
        sa.CheckConstraint("target_percent BETWEEN 1 AND 100", name=op.f("ck_campaign_target")),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_campaign_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
    )
    op.create_table(
        "coverage_sum",
        sa.Column("facet", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("unit_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("sim_pki", sa.Integer(), nullable=False),
        sa.Column("central", sa.Integer(), nullable=False),
        sa.Column("hsm", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_coverage_sum_unit_id")),
        sa.PrimaryKeyConstraint(
            "facet", "level", "bucket", "unit_id", name=op.f("pk_coverage_sum")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reminder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("view", sa.String(length=20), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("sent_by", sa.String(length=100), nullable=False),
        sa.Column("sender_name", sa.String(length=200), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_by", sa.String(length=100), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(seen_at IS NULL) = (seen_by IS NULL)", name=op.f("ck_reminder_seen")),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_reminder_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
    )
    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.create_index(
            "ix_reminder_unseen",
            ["unit_path"],
            unique=False,
            sqlite_where=sa.text("seen_at IS NULL"),
            postgresql_where=sa.text("seen_at IS NULL"),
        )

    op.create_table(
        "unit_successor",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("successor_id", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["unit_change.id"], name=op.f("fk_unit_successor_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["successor_id"], ["org_unit.id"], name=op.f("fk_unit_successor_successor_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["org_unit.id"], name=op.f("fk_unit_successor_unit_id")
        ),
        sa.PrimaryKeyConstraint(
            "unit_id", "successor_id", "change_id", name=op.f("pk_unit_successor")
        ),
    )
    op.create_table(
        "campaign_task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("cause", sa.String(length=500), nullable=False),
        sa.Column("fix", sa.String(length=500), nullable=False),
        sa.Column("wished_due_on", sa.Date(), nullable=True),
        sa.Column("reported_by", sa.String(length=100), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'done') OR (cause <> '' AND fix <> '')",
            name=op.f("ck_campaign_task_said"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'done', 'late', 'adjust')", name=op.f("ck_campaign_task_state")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_task_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["org_unit.id"], name=op.f("fk_campaign_task_unit_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_task")),
    )
    with op.batch_alter_table("campaign_task", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_campaign_task_campaign_id"), ["campaign_id"], unique=False
        )

    op.create_table(
        "criterion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("most_points", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(length=20), nullable=False),
        sa.Column("verifier_id", sa.Integer(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("most_points BETWEEN 1 AND 1000", name=op.f("ck_criterion_points")),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_criterion_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["verifier_id"], ["org_unit.id"], name=op.f("fk_criterion_verifier_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_criterion")),
    )
    with op.batch_alter_table("criterion", schema=None) as batch_op:
        batch_op.create_index(
            "uq_criterion_code",
            ["campaign_id", "code"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "duplicate_pair",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("second_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('proposed', 'merged', 'kept_apart', 'lapsed')",
            name=op.f("ck_duplicate_pair_state"),
        ),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_duplicate_pair_order")),
        sa.ForeignKeyConstraint(
            ["first_id"], ["person.id"], name=op.f("fk_duplicate_pair_first_id")
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["person.id"], name=op.f("fk_duplicate_pair_second_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_pair")),
    )
    with op.batch_alter_table("duplicate_pair", schema=None) as batch_op:
        batch_op.create_index("ix_duplicate_pair_list", ["state", "rank", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_duplicate_pair_second_id"), ["second_id"], unique=False
        )
        batch_op.create_index("uq_duplicate_pair", ["first_id", "second_id"], unique=True)

    op.create_table(
        "lack_reason",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("set_by", sa.String(length=100), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_lack_reason_person_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lack_reason")),
    )
    with op.batch_alter_table("lack_reason", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lack_reason_person_id"), ["person_id"], unique=False)
        batch_op.create_index(
            "uq_lack_reason_person",
            ["person_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "outside_certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("issuer_der", sa.LargeBinary(), nullable=False),
        sa.Column("serial_hex", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("issuer_name", sa.String(length=200), nullable=False),
        sa.Column("anchor", sa.String(length=100), nullable=True),
        sa.Column(
            "generation",
            sa.Enum("G1", "G2", "other", name="generation", native_enum=False, length=12),
            nullable=False,
        ),
        sa.Column("subject_der", sa.LargeBinary(), nullable=True),
        sa.Column("subject", sa.String(length=2000), nullable=False),
        sa.Column("common_name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("units", sa.String(length=1000), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column(
            "owner",
            sa.Enum("person", "body", name="owner", native_enum=False, length=12),
            nullable=False,
        ),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_usage", sa.String(length=200), nullable=True),
        sa.Column("algorithm", sa.String(length=60), nullable=True),
        sa.Column(
            "carrier",
            sa.Enum(
                "token",
                "sim_pki",
                "central",
                "hsm",
                "unknown",
                name="carrier",
                native_enum=False,
                length=12,
            ),
            nullable=False,
        ),
        sa.Column("device_number", sa.String(length=60), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("proposed_person_id", sa.Integer(), nullable=True),
        sa.Column(
            "match",
            sa.Enum(
                "certain",
                "proposed",
                "confirmed",
                "rejected",
                "none",
                name="match",
                native_enum=False,
                length=12,
            ),
            nullable=False,
        ),
        sa.Column("match_reason", sa.String(length=20), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "good",
                "held",
                "revoked",
                "unknown",
                "expired",
                name="certificatestatus",
                native_enum=False,
                length=12,
            ),
            nullable=False,
        ),
        sa.Column("status_source", sa.String(length=200), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revocation_reason", sa.String(length=30), nullable=True),
        sa.Column("counted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "scope_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("imported_by", sa.String(length=100), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(match IN ('certain', 'confirmed')) = (person_id IS NOT NULL)",
            name=op.f("ck_outside_certificate_person"),
        ),
        sa.CheckConstraint(
            "(status IN ('revoked', 'held')) = (revoked_at IS NOT NULL)",
            name=op.f("ck_outside_certificate_revoked"),
        ),
        sa.CheckConstraint(
            "match != 'proposed' OR proposed_person_id IS NOT NULL",
            name=op.f("ck_outside_certificate_proposed"),
        ),
        sa.CheckConstraint(
            "person_id IS NULL OR owner = 'person'", name=op.f("ck_outside_certificate_owner")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["outside_import.id"], name=op.f("fk_outside_certificate_import_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_outside_certificate_person_id")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_person_id"],
            ["person.id"],
            name=op.f("fk_outside_certificate_proposed_person_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_certificate")),
        sa.UniqueConstraint(
            "serial_hex", "issuer_der", name=op.f("uq_outside_certificate_serial_hex_issuer_der")
        ),
        sa.UniqueConstraint("sha256", name=op.f("uq_outside_certificate_sha256")),
    )
    with op.batch_alter_table("outside_certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outside_certificate_anchor"), ["anchor"], unique=False)
        batch_op.create_index(batch_op.f("ix_outside_certificate_email"), ["email"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outside_certificate_import_id"), ["import_id"], unique=False
        )
        batch_op.create_index("ix_outside_certificate_match", ["match", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outside_certificate_name_key"), ["name_key"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_outside_certificate_not_after"), ["not_after"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_outside_certificate_person_id"), ["person_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_outside_certificate_proposed_person_id"),
            ["proposed_person_id"],
            unique=False,
        )

    op.create_table(
        "person_word",
        sa.Column(
            "word",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "sort_key",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "folded",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_word_person_id")
        ),
        sa.PrimaryKeyConstraint(
            "word",
            "sort_key",
            "person_id",
            name=op.f("pk_person_word"),
            postgresql_include=["folded"],
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "standing",
        sa.Column("person_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column(
            "sort_key",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column(
            "unit_path",
            sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("is_leader", sa.Boolean(), nullable=False),
        sa.Column("is_one_stop", sa.Boolean(), nullable=False),
        sa.Column("standing", sa.String(length=10), nullable=True),
        sa.Column("carrier", sa.String(length=10), nullable=True),
        sa.Column("covered_until", sa.Integer(), nullable=True),
        sa.Column("pending_since", sa.Integer(), nullable=True),
        sa.Column("is_unused", sa.Boolean(), nullable=False),
        sa.Column("must_revoke", sa.Boolean(), nullable=False),
        sa.Column("last_signed", sa.Integer(), nullable=True),
        sa.Column("next_on", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_standing_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_standing")),
    )
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.create_index(
            "ix_standing_must_revoke",
            ["sort_key", "person_id", "unit_path", "kind", "is_leader", "is_one_stop"],
            unique=False,
            sqlite_where=sa.text("must_revoke = 1"),
            postgresql_where=sa.text("must_revoke"),
        )
        batch_op.create_index(
            "ix_standing_next",
            ["next_on", "covered_until", "unit_path", "kind", "is_leader", "is_one_stop"],
            unique=False,
        )
        batch_op.create_index(
            "ix_standing_subtree",
            ["unit_path", "kind", "is_leader", "is_one_stop", "person_id"],
            unique=False,
        )
        batch_op.create_index(
            "ix_standing_unused",
            ["sort_key", "person_id", "unit_path", "kind", "is_leader", "is_one_stop"],
            unique=False,
            sqlite_where=sa.text("is_unused = 1"),
            postgresql_where=sa.text("is_unused"),
        )
        batch_op.create_index(
            "ix_standing_walk",
            [
                "standing",
                "sort_key",
                "person_id",
                "unit_path",
                "kind",
                "is_leader",
                "is_one_stop",
                "covered_until",
            ],
            unique=False,
        )

    op.create_table(
        "unit_duty",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("duty", sa.String(length=10), nullable=False),
        sa.Column("decision", sa.String(length=100), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("duty IN ('focal', 'deputy')", name=op.f("ck_unit_duty_duty")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_unit_duty_order")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_unit_duty_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_unit_duty_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_duty")),
    )
    with op.batch_alter_table("unit_duty", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_unit_duty_person_id"), ["person_id"], unique=False)
        batch_op.create_index(
            "uq_unit_duty_active",
            ["unit_id", "duty"],
            unique=True,
            sqlite_where=sa.text("valid_to IS NULL"),
            postgresql_where=sa.text("valid_to IS NULL"),
        )

    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("criterion_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("added_by", sa.String(length=100), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["criterion_id"], ["criterion.id"], name=op.f("fk_evidence_criterion_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_evidence_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_evidence_criterion_id"), ["criterion_id"], unique=False
        )

    op.create_table(
        "outside_certificate_bytes",
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("certificate_der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"],
            ["outside_certificate.id"],
            name=op.f("fk_outside_certificate_bytes_certificate_id"),
        ),
        sa.PrimaryKeyConstraint("certificate_id", name=op.f("pk_outside_certificate_bytes")),
    )
    op.create_table(
        "score",
        sa.Column("criterion_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("a", sa.Integer(), nullable=True),
        sa.Column("b", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(length=100), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "a IS NULL OR (a >= 0 AND b > 0 AND a <= b)", name=op.f("ck_score_share")
        ),
        sa.ForeignKeyConstraint(
            ["criterion_id"], ["criterion.id"], name=op.f("fk_score_criterion_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["org_unit.id"], name=op.f("fk_score_unit_id")),
        sa.PrimaryKeyConstraint("criterion_id", "unit_id", name=op.f("pk_score")),
    )
    op.create_table(
        "task_report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("cause", sa.String(length=500), nullable=False),
        sa.Column("fix", sa.String(length=500), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("wished_due_on", sa.Date(), nullable=True),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["campaign_task.id"], name=op.f("fk_task_report_task_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_report")),
    )
    with op.batch_alter_table("task_report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_report_task_id"), ["task_id"], unique=False)

    op.create_table(
        "unit_move",
        sa.Column("period_id", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("from_unit_id", sa.Integer(), nullable=False),
        sa.Column("to_unit_id", sa.Integer(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["change_id"], ["unit_change.id"], name=op.f("fk_unit_move_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["from_unit_id"], ["org_unit.id"], name=op.f("fk_unit_move_from_unit_id")
        ),
        sa.ForeignKeyConstraint(
            ["period_id"], ["person_period.id"], name=op.f("fk_unit_move_period_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_unit_move_person_id")),
        sa.ForeignKeyConstraint(
            ["to_unit_id"], ["org_unit.id"], name=op.f("fk_unit_move_to_unit_id")
        ),
        sa.PrimaryKeyConstraint("period_id", "change_id", name=op.f("pk_unit_move")),
    )
    with op.batch_alter_table("unit_move", schema=None) as batch_op:
        batch_op.create_index("ix_unit_move_change_id", ["change_id", "person_id"], unique=False)

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("at_once", sa.Integer(), server_default="200", nullable=False)
        )

    with op.batch_alter_table("org_unit", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("has_legal_status", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("has_seal", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("tax_code", sa.String(length=14), nullable=True))
        batch_op.add_column(sa.Column("budget_code", sa.String(length=7), nullable=True))
        batch_op.add_column(sa.Column("electronic_code", sa.String(length=35), nullable=True))
        batch_op.add_column(sa.Column("opened_by_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("closed_by_id", sa.Integer(), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_org_unit_code"), type_="unique")
        batch_op.create_index(batch_op.f("ix_org_unit_code"), ["code"], unique=False)
        batch_op.create_index(
            "uq_org_unit_open_code",
            ["code"],
            unique=True,
            sqlite_where=sa.text("valid_to IS NULL"),
            postgresql_where=sa.text("valid_to IS NULL"),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_org_unit_closed_by_id"), "unit_change", ["closed_by_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_org_unit_opened_by_id"), "unit_change", ["opened_by_id"], ["id"]
        )

    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state_decision", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("rank_code", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("signing_roles", sa.String(60), nullable=True))
        batch_op.add_column(sa.Column("wants_sim_pki", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("mobile_network", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("merged_into_id", sa.Integer(), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_person_merged_into"), sa.text("merged_into_id <> id")
        )
        _compare(batch_op, "C")
        batch_op.drop_index(batch_op.f("ix_person_search_key"))
        batch_op.drop_constraint(batch_op.f("uq_person_id_number"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_person_list"))
        batch_op.create_index(
            "ix_person_list",
            ["sort_key", "id", "unit_path", "kind", "state", "signing_roles"],
            unique=False,
        )
        batch_op.drop_index(batch_op.f("ix_person_subtree"))
        batch_op.create_index(
            "ix_person_subtree",
            ["unit_path", "sort_key", "id", "kind", "state", "signing_roles"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_person_email"), ["email"], unique=False)
        batch_op.create_index(batch_op.f("ix_person_id_number"), ["id_number"], unique=False)
        batch_op.create_index(
            "ix_person_merged",
            ["merged_into_id"],
            unique=False,
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.create_index("ix_person_name_birth", ["search_key", "birth_date"], unique=False)
        batch_op.create_index(
            "ix_person_unusual",
            ["state", "sort_key", "id"],
            unique=False,
            sqlite_where=sa.text("state != 'working'"),
            postgresql_where=sa.text("state != 'working'"),
        )
        batch_op.create_index(
            "uq_person_active_id_number",
            ["id_number"],
            unique=True,
            sqlite_where=sa.text(
                "state NOT IN ('transferred', 'retired', 'resigned', 'dismissed', 'deceased') AND merged_into_id IS NULL"
            ),
            postgresql_where=sa.text(
                "state NOT IN ('transferred', 'retired', 'resigned', 'dismissed', 'deceased') AND merged_into_id IS NULL"
            ),
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_person_merged_into_id"), "person", ["merged_into_id"], ["id"]
        )

    with op.batch_alter_table("person_period", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum(
                    "can_bo",
                    "cong_chuc",
                    "vien_chuc",
                    "nguoi_lao_dong",
                    name="personkind",
                    native_enum=False,
                    length=20,
                ),
                nullable=True,
            )
        )
        batch_op.add_column(
            sa.Column("is_leader", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(
            sa.Column("is_one_stop", sa.Boolean(), server_default=sa.false(), nullable=False)
        )

    with op.batch_alter_table("roster_import", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rows_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("refused_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(
            sa.Column(
                "full_unit_path",
                sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql"),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("absent", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("job_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("applied_by", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("scopes", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("marks", sa.Text(), nullable=True))
        batch_op.add_column(
            sa.Column("overtaken", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_roster_import_job_id"), "job", ["job_id"], ["id"]
        )

    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signature_person_id"))
        batch_op.create_index("ix_signature_person", ["person_id", "signed_at"], unique=False)

    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.create_index(
            "ix_signing_key_waiting",
            ["state", "person_id"],
            unique=False,
            sqlite_where=sa.text("state IN ('ready', 'locked')"),
            postgresql_where=sa.text("state IN ('ready', 'locked')"),
        )

    _fill()
    for guard in _GUARDS:
        _make_guard(*guard)


def downgrade() -> None:
    """Back to the shape before."""
    for guard in _GUARDS:
        _drop_guard(*guard)

    with op.batch_alter_table("signing_key", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_signing_key_waiting",
            sqlite_where=sa.text("state IN ('ready', 'locked')"),
            postgresql_where=sa.text("state IN ('ready', 'locked')"),
        )

    with op.batch_alter_table("signature", schema=None) as batch_op:
        batch_op.drop_index("ix_signature_person")
        batch_op.create_index(batch_op.f("ix_signature_person_id"), ["person_id"], unique=False)

    with op.batch_alter_table("roster_import", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_roster_import_job_id"), type_="foreignkey")
        batch_op.drop_column("overtaken")
        batch_op.drop_column("marks")
        batch_op.drop_column("scopes")
        batch_op.drop_column("applied_by")
        batch_op.drop_column("job_id")
        batch_op.drop_column("absent")
        batch_op.drop_column("full_unit_path")
        batch_op.drop_column("refused_sha256")
        batch_op.drop_column("rows_sha256")

    with op.batch_alter_table("person_period", schema=None) as batch_op:
        batch_op.drop_column("is_one_stop")
        batch_op.drop_column("is_leader")
        batch_op.drop_column("kind")

    op.execute("UPDATE person SET email = NULL, id_number = NULL WHERE merged_into_id IS NOT NULL")
    with op.batch_alter_table("person", schema=None) as batch_op:
        _compare(batch_op, None)
        batch_op.drop_constraint(batch_op.f("fk_person_merged_into_id"), type_="foreignkey")
        batch_op.drop_index(
            "uq_person_active_id_number",
            sqlite_where=sa.text(
                "state NOT IN ('transferred', 'retired', 'resigned', 'dismissed', 'deceased') AND merged_into_id IS NULL"
            ),
            postgresql_where=sa.text(
                "state NOT IN ('transferred', 'retired', 'resigned', 'dismissed', 'deceased') AND merged_into_id IS NULL"
            ),
        )
        batch_op.drop_index(
            "ix_person_unusual",
            sqlite_where=sa.text("state != 'working'"),
            postgresql_where=sa.text("state != 'working'"),
        )
        batch_op.drop_index("ix_person_name_birth")
        batch_op.drop_index(
            "ix_person_merged",
            sqlite_where=sa.text("merged_into_id IS NOT NULL"),
            postgresql_where=sa.text("merged_into_id IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_person_id_number"))
        batch_op.drop_index(batch_op.f("ix_person_email"))
        batch_op.drop_index("ix_person_subtree")
        batch_op.create_index(
            batch_op.f("ix_person_subtree"), ["unit_path", "sort_key", "id"], unique=False
        )
        batch_op.drop_index("ix_person_list")
        batch_op.create_index(batch_op.f("ix_person_list"), ["sort_key", "id"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_person_id_number"), ["id_number"])
        batch_op.create_index(batch_op.f("ix_person_search_key"), ["search_key"], unique=False)
        batch_op.drop_constraint(batch_op.f("ck_person_merged_into"), type_="check")
        batch_op.drop_column("merged_into_id")
        batch_op.drop_column("mobile_network")
        batch_op.drop_column("wants_sim_pki")
        batch_op.drop_column("signing_roles")
        batch_op.drop_column("rank_code")
        batch_op.drop_column("state_decision")

    with op.batch_alter_table("org_unit", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_org_unit_opened_by_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_org_unit_closed_by_id"), type_="foreignkey")
        batch_op.drop_index(
            "uq_org_unit_open_code",
            sqlite_where=sa.text("valid_to IS NULL"),
            postgresql_where=sa.text("valid_to IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_org_unit_code"))
        batch_op.create_unique_constraint(batch_op.f("uq_org_unit_code"), ["code"])
        batch_op.drop_column("closed_by_id")
        batch_op.drop_column("opened_by_id")
        batch_op.drop_column("electronic_code")
        batch_op.drop_column("budget_code")
        batch_op.drop_column("tax_code")
        batch_op.drop_column("has_seal")
        batch_op.drop_column("has_legal_status")

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("at_once")

    with op.batch_alter_table("unit_move", schema=None) as batch_op:
        batch_op.drop_index("ix_unit_move_change_id")

    op.drop_table("unit_move")
    with op.batch_alter_table("task_report", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_report_task_id"))

    op.drop_table("task_report")
    op.drop_table("score")
    op.drop_table("outside_certificate_bytes")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evidence_criterion_id"))

    op.drop_table("evidence")
    with op.batch_alter_table("unit_duty", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_unit_duty_active",
            sqlite_where=sa.text("valid_to IS NULL"),
            postgresql_where=sa.text("valid_to IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_unit_duty_person_id"))

    op.drop_table("unit_duty")
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.drop_index("ix_standing_walk")
        batch_op.drop_index(
            "ix_standing_unused",
            sqlite_where=sa.text("is_unused = 1"),
            postgresql_where=sa.text("is_unused"),
        )
        batch_op.drop_index("ix_standing_subtree")
        batch_op.drop_index("ix_standing_next")
        batch_op.drop_index(
            "ix_standing_must_revoke",
            sqlite_where=sa.text("must_revoke = 1"),
            postgresql_where=sa.text("must_revoke"),
        )

    op.drop_table("standing")
    op.drop_table("person_word")
    with op.batch_alter_table("outside_certificate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outside_certificate_proposed_person_id"))
        batch_op.drop_index(batch_op.f("ix_outside_certificate_person_id"))
        batch_op.drop_index(batch_op.f("ix_outside_certificate_not_after"))
        batch_op.drop_index(batch_op.f("ix_outside_certificate_name_key"))
        batch_op.drop_index("ix_outside_certificate_match")
        batch_op.drop_index(batch_op.f("ix_outside_certificate_import_id"))
        batch_op.drop_index(batch_op.f("ix_outside_certificate_email"))
        batch_op.drop_index(batch_op.f("ix_outside_certificate_anchor"))

    op.drop_table("outside_certificate")
    with op.batch_alter_table("lack_reason", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_lack_reason_person",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_lack_reason_person_id"))

    op.drop_table("lack_reason")
    with op.batch_alter_table("duplicate_pair", schema=None) as batch_op:
        batch_op.drop_index("uq_duplicate_pair")
        batch_op.drop_index(batch_op.f("ix_duplicate_pair_second_id"))
        batch_op.drop_index("ix_duplicate_pair_list")

    op.drop_table("duplicate_pair")
    with op.batch_alter_table("criterion", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_criterion_code",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("criterion")
    with op.batch_alter_table("campaign_task", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_campaign_task_campaign_id"))

    op.drop_table("campaign_task")
    op.drop_table("unit_successor")
    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_reminder_unseen",
            sqlite_where=sa.text("seen_at IS NULL"),
            postgresql_where=sa.text("seen_at IS NULL"),
        )

    op.drop_table("reminder")
    op.drop_table("coverage_sum")
    op.drop_table("campaign")
    op.drop_table("roster_chunk")
    with op.batch_alter_table("unit_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_unit_change_state"))

    op.drop_table("unit_change")
    with op.batch_alter_table("outside_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outside_import_imported_by"))

    op.drop_table("outside_import")
    op.drop_table("state_policy")
    op.drop_table("roster_mapping")
    with op.batch_alter_table("report_snapshot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_snapshot_unit_path"))

    op.drop_table("report_snapshot")
    op.drop_table("report_draft")
    with op.batch_alter_table("outside_crl", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outside_crl_anchor"))

    op.drop_table("outside_crl")
    op.drop_table("name_word")


_GUARDS = tuple(
    (f"report_snapshot_no_{act.lower()}", f"{act} ON report_snapshot")
    for act in ("UPDATE", "DELETE")
)


def _fill() -> None:
    """What the new columns say of rows from before them."""
    op.execute(
        "UPDATE org_unit SET has_legal_status = true, has_seal = true WHERE kind <> 'division'"
    )
    op.execute(
        "UPDATE person_period SET kind = (SELECT person.kind FROM person"
        " WHERE person.id = person_period.person_id)"
    )


_AT_WORK = "state NOT IN ('transferred', 'retired', 'resigned', 'dismissed', 'deceased')"


def _compare(persons: BatchOperations, collation: str | None) -> None:
    """Codes and addresses compared byte by byte; whoever was merged may keep the other's address."""
    for name, length, nullable in (("code", 20, False), ("email", 254, True)):
        as_bytes = sa.String(length, collation=collation)
        persons.alter_column(
            name,
            type_=sa.String(length).with_variant(as_bytes, "postgresql"),
            existing_nullable=nullable,
        )
    whose = sa.text(_AT_WORK + (" AND merged_into_id IS NULL" if collation else ""))
    persons.drop_index("uq_person_active_email")
    persons.create_index(
        "uq_person_active_email",
        ["email"],
        unique=True,
        sqlite_where=whose,
        postgresql_where=whose,
    )


def _make_guard(name: str, when: str) -> None:
    """A trigger that refuses; as `signer.db.guard` makes it for a database without history."""
    sentence = "report_snapshot is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {when} WHEN true "
            f"BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
        )
        return
    returns = "OLD" if when.startswith("DELETE") else "NEW"
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF true "
        f"THEN RAISE EXCEPTION '{sentence}'; END IF; RETURN {returns}; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {when} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _drop_guard(name: str, when: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {name}")
        return
    op.execute(f"DROP TRIGGER {name} ON {when.split(' ON ')[1]}")
    op.execute(f"DROP FUNCTION {name}()")
