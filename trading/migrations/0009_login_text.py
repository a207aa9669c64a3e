"""The index that trading accounts are found by when only the first digits of a login are typed."""

from typing import ClassVar

from django.db import migrations

INDEX = "CREATE INDEX trading_account_login_text ON trading_tradingaccount ((login::text) text_pattern_ops)"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("trading", "0008_account_order_walls")]

    operations: ClassVar = [migrations.RunSQL(INDEX, "DROP INDEX trading_account_login_text")]
