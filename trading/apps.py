from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access.approvals import register_action  # noqa: PLC0415 -- app ready
        from trading.operations.deciding import approval_actions  # noqa: PLC0415 -- app ready

        for action in approval_actions():
            register_action(action)
