"""Compile message catalogues with polib, so that no GNU gettext has to be installed.

Runs inside the virtual environment: `python -m house.translations FILE.po …`."""

import sys
from pathlib import Path

import polib


def compile_catalogues(catalogues: list[Path]) -> None:
    """Write each FILE.po as FILE.mo beside it. Fuzzy entries are left out, as gettext does."""
    for catalogue in catalogues:
        polib.pofile(str(catalogue)).save_as_mofile(str(catalogue.with_suffix(".mo")))


if __name__ == "__main__":
    compile_catalogues([Path(argument) for argument in sys.argv[1:]])
