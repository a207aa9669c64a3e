"""The web server's entry."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
application = get_wsgi_application()

# All pages are loaded before the server forks, and what is there by now stays for good: the collector does not go
# through it again. A full collection was a pause of 0.1 s in one of some forty requests.
get_resolver().url_patterns  # noqa: B018 -- imports the pages
gc.collect()
gc.freeze()
