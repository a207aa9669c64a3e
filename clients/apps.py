from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "clients"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from access.identities import register_identity  # noqa: PLC0415 -- app ready
        from clients.queries import find_client_id  # noqa: PLC0415 -- app ready

        register_identity("client_id", find_client_id)
