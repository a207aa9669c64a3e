from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mt4bridge", "0001_initial")]

    operations = [
        migrations.AddField("mtserver", "options", models.JSONField(default=dict)),
        migrations.AlterField("mtserver", "address", models.CharField(blank=True, default="", max_length=255)),
        migrations.AlterField("mtserver", "manager_login", models.BigIntegerField(default=0)),
        migrations.AlterField(
            "mtserver",
            "kind",
            models.CharField(
                choices=[("webapi", "MT5 Web API"), ("mirror", "SQL mirror"), ("files", "Files only")],
                default="webapi",
                max_length=20,
            ),
        ),
    ]
