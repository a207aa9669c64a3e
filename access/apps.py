from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access.approvals import ApprovalAction, register_action  # noqa: PLC0415 -- app ready
        from access.services.roles import GRANT_ACTION, execute_grant  # noqa: PLC0415 -- app ready

        register_action(
            ApprovalAction(
                name=GRANT_ACTION,
                label=_("Give staff a role"),
                request_right="access.request_role",
                approve_right="access.approve_role",
                execute=execute_grant,
            )
        )
