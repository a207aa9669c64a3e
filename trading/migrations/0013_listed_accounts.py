"""Accounts that a server lists, in the order of the clients' accounts: each page of staff counts those of nobody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0012_introductions")]
    operations = [
        migrations.AddIndex(
            model_name="serveraccount",
            index=models.Index(
                name="server_account_listed",
                fields=["server", "login"],
                condition=models.Q(gone_at__isnull=True),
            ),
        ),
    ]
