from django.apps import AppConfig


class Mt4BridgeConfig(AppConfig):
    name = "mt4bridge"
    default_auto_field = "django.db.models.BigAutoField"
