"""The browser that browser tests drive: one that is installed, never one that is downloaded."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of Chromium or Chrome; KEEL_CHROMIUM in the environment wins."""
    given = os.environ.get("KEEL_CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)
