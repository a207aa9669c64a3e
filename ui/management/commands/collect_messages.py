"""`collect_messages`: bring the catalogues up to date with the texts of the code."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import to_locale

from ui.catalogue import catalogue_path, collect, merge


class Command(BaseCommand):
    help = "Collect the texts of the code into locale/*/LC_MESSAGES/django.po; translations that exist are kept."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        messages = collect(settings.BASE_DIR)
        for language, _name in settings.LANGUAGES:
            if language == settings.LANGUAGE_CODE:
                continue
            added, dropped = merge(catalogue_path(settings.BASE_DIR, language), messages)
            self.stdout.write(f"{to_locale(language)}: {len(messages)} texts, {added} new, {dropped} no longer used")
