from django.apps import AppConfig


class CommissionsConfig(AppConfig):
    name = "commissions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from commissions import tasks  # noqa: F401, PLC0415 -- app ready: registers the jobs
