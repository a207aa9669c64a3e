"""What a proof found is kept as a text of the catalogue with its figures beside it, so that pages can translate it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commissions", "0017_settlement_progress")]
    operations = [
        migrations.AddField(
            model_name="proofdifference", name="said", field=models.CharField(default="", max_length=200)
        ),
        migrations.AddField(model_name="proofdifference", name="values", field=models.JSONField(default=dict)),
    ]
