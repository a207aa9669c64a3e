from django.apps import AppConfig


class IbConfig(AppConfig):
    name = "ib"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access.identities import register_identity  # noqa: PLC0415 -- app ready
        from ib import tasks  # noqa: F401, PLC0415 -- app ready: registers the jobs
        from ib.queries import find_ib_id  # noqa: PLC0415 -- app ready

        register_identity("ib_id", find_ib_id)
