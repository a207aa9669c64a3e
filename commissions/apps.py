from django.apps import AppConfig


class CommissionsConfig(AppConfig):
    name = "commissions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access.approvals import register_action  # noqa: PLC0415 -- app ready
        from commissions import tasks  # noqa: F401, PLC0415 -- app ready: registers the jobs
        from commissions.settlement.deciding import approval_action  # noqa: PLC0415 -- app ready
        from commissions.whatif.corrections import register_correction_actions  # noqa: PLC0415 -- app ready

        register_action(approval_action())
        register_correction_actions()
