"""`check_translations`: every text is translated into every language, with the same placeholders."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ui.catalogue import catalogue_path, collect, faults


class Command(BaseCommand):
    help = "Fail when a text is missing, fuzzy, no longer used, or has other placeholders in a translation."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        messages = collect(settings.BASE_DIR)
        wrong = [
            f"{language}: {fault}"
            for language, _name in settings.LANGUAGES
            if language != settings.LANGUAGE_CODE
            for fault in faults(catalogue_path(settings.BASE_DIR, language), messages)
        ]
        if wrong:
            raise CommandError("\n".join([*wrong, f"{len(wrong)} texts are not translated as they should be."]))
        self.stdout.write(f"{len(messages)} texts, all translated into {len(settings.LANGUAGES) - 1} languages.")
