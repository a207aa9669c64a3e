"""Tables of the double entry; the triggers that guard them are in 0002_walls."""

from decimal import Decimal

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import ledger.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="LedgerAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rebate_expense", "Rebate expense"),
                            ("ib_accrued", "Accrued to an IB"),
                            ("client_accrued", "Accrued to a client"),
                            ("wallet", "Wallet"),
                            ("mt_clearing", "MT clearing"),
                            ("psp_clearing", "Payment provider clearing"),
                            ("fx_clearing", "Currency clearing"),
                            ("fee_income", "Fee income"),
                            ("adjustment", "Adjustments"),
                        ],
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=8)),
                (
                    "owner_type",
                    models.CharField(
                        choices=[
                            ("house", "The broker"),
                            ("client", "Client"),
                            ("ib", "IB"),
                            ("mt_server", "MT server"),
                            ("psp", "Payment provider"),
                        ],
                        max_length=12,
                    ),
                ),
                ("owner_id", models.BigIntegerField(default=0)),
                ("decimals", models.SmallIntegerField()),
                ("normal_side", models.CharField(choices=[("D", "Debit"), ("C", "Credit")], max_length=1)),
                ("allow_negative", models.BooleanField()),
                ("opened_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("code",), name="ledger_account_code_unique"),
                    models.UniqueConstraint(
                        fields=("owner_type", "owner_id", "kind", "currency"), name="ledger_account_one_per_owner"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z][A-Z0-9]{2,7}$")),
                        name="ledger_account_currency_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("owner_id", 0), ("owner_type", "house")),
                            models.Q(models.Q(("owner_type", "house"), _negated=True), ("owner_id__gt", 0)),
                            _connector="OR",
                        ),
                        name="ledger_account_house_without_id",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("idempotency_key", models.CharField(max_length=200)),
                ("request_hash", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rebate_accrual", "Rebate earned"),
                            ("rebate_settlement", "Rebate paid out"),
                            ("deposit", "Deposit"),
                            ("withdrawal", "Withdrawal"),
                            ("transfer", "Transfer"),
                            ("conversion", "Currency conversion"),
                            ("fee", "Fee"),
                            ("adjustment", "Adjustment"),
                            ("reversal", "Reversal"),
                        ],
                        max_length=20,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("booked_at", models.DateTimeField()),
                ("description", models.CharField(max_length=60)),
                ("params", models.JSONField(default=dict)),
                (
                    "reverses",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversals",
                        to="ledger.journalentry",
                    ),
                ),
                ("actor_label", models.CharField(max_length=200)),
                ("actor_user_id", models.BigIntegerField(null=True)),
                ("txid", ledger.fields.Xid8Field(db_default=ledger.fields.CurrentTransaction(), editable=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "reversal"), ("reverses__isnull", False)),
                            models.Q(models.Q(("kind", "reversal"), _negated=True), ("reverses__isnull", True)),
                            _connector="OR",
                        ),
                        name="journal_entry_reversal_names_entry",
                    ),
                    models.UniqueConstraint(fields=("idempotency_key",), name="journal_entry_key_unique"),
                    models.UniqueConstraint(
                        condition=models.Q(("reverses__isnull", False)),
                        fields=("reverses",),
                        name="journal_entry_reversed_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True), name="journal_entry_key_given"
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id", "line", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="postings",
                        to="ledger.journalentry",
                    ),
                ),
                ("line", models.SmallIntegerField()),
                (
                    "ledger_account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="postings",
                        to="ledger.ledgeraccount",
                    ),
                ),
                ("side", models.CharField(choices=[("D", "Debit"), ("C", "Credit")], max_length=1)),
                ("amount", models.DecimalField(decimal_places=8, max_digits=38)),
            ],
            options={
                "indexes": [models.Index(fields=["ledger_account", "entry", "line"], name="posting_of_account")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("amount__lt", Decimal("1E+30"))),
                        name="posting_amount_positive",
                    ),
                    models.CheckConstraint(condition=models.Q(("side__in", ["D", "C"])), name="posting_side_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "ledger_account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="balance",
                        serialize=False,
                        to="ledger.ledgeraccount",
                    ),
                ),
                ("normal_side", models.CharField(choices=[("D", "Debit"), ("C", "Credit")], max_length=1)),
                ("allow_negative", models.BooleanField()),
                ("posted_debit", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("posted_credit", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("held", models.DecimalField(decimal_places=8, default=0, max_digits=38)),
                ("posting_count", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("held__gte", 0),
                            ("posted_credit__gte", 0),
                            ("posted_debit__gte", 0),
                            ("posting_count__gte", 0),
                        ),
                        name="balance_sums_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("allow_negative", True),
                            models.Q(
                                ("normal_side", "C"),
                                (
                                    "posted_credit__gte",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("posted_debit"), "+", models.F("held")
                                    ),
                                ),
                            ),
                            models.Q(
                                ("normal_side", "D"),
                                (
                                    "posted_debit__gte",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("posted_credit"), "+", models.F("held")
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="balance_available_not_negative",
                    ),
                ],
                "indexes": [],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "ledger_account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="ledger.ledgeraccount",
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=8, max_digits=38)),
                ("reason", models.CharField(max_length=60)),
                ("idempotency_key", models.CharField(max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[("held", "Held"), ("captured", "Captured"), ("released", "Released")],
                        default="held",
                        max_length=10,
                    ),
                ),
                (
                    "captured_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="captured_holds",
                        to="ledger.journalentry",
                    ),
                ),
                ("placed_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("actor_label", models.CharField(max_length=200)),
                ("actor_user_id", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["ledger_account", "id"], name="hold_of_account")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("amount__lt", Decimal("1E+30"))),
                        name="hold_amount_positive",
                    ),
                    models.UniqueConstraint(fields=("idempotency_key",), name="hold_key_unique"),
                    models.UniqueConstraint(
                        condition=models.Q(("captured_by__isnull", False)),
                        fields=("captured_by",),
                        name="hold_captured_by_own_entry",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True), name="hold_key_given"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("captured_by__isnull", True), ("closed_at__isnull", True), ("state", "held")),
                            models.Q(
                                ("captured_by__isnull", True), ("closed_at__isnull", False), ("state", "released")
                            ),
                            models.Q(
                                ("captured_by__isnull", False), ("closed_at__isnull", False), ("state", "captured")
                            ),
                            _connector="OR",
                        ),
                        name="hold_closed_in_full",
                    ),
                ],
            },
        ),
    ]
