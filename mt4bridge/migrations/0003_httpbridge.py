from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mt4bridge", "0002_server_options")]

    operations = [
        migrations.AlterField(
            "mtserver",
            "kind",
            models.CharField(
                choices=[
                    ("webapi", "MT5 Web API"),
                    ("httpbridge", "Bridge on a Windows machine"),
                    ("mirror", "SQL mirror"),
                    ("files", "Files only"),
                ],
                default="webapi",
                max_length=20,
            ),
        ),
    ]
