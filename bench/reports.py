"""What an IB's pages, moves and live judging cost on a large broker; each figure beside its goal.

month_page     p95 of a signed-in GET of the month of an IB with a quarter of all IBs (5,000) below it; others beside
subtree_move   the longest service call, its commit included, that moves a branch with 5,000 clients
latency        deal on the MT server to committed judgement at 100 deals a second, p95, at each of the sizes
simulate       replaying the last days under a draft plan for all IBs, in seconds for a month of 300,000 deals
The broker is made from one seed: trees of uneven size, sessions of uneven clients on the weekdays of a year. Deals are
stored by binary COPY and judged by the engine itself, so every roll-up and ledger entry is what the engine gives;
`--verify` proves it. `--keep` leaves the broker for the next run of the same size, and an interrupted load goes on
where it stopped. Times are by the clock: run it on a machine that does nothing else."""

import argparse
import json
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
os.environ["KEEL_AS_OWNER"] = "1"  # makes its brokers
django.setup()

from bench._latency import measure_latency  # noqa: E402
from bench._load import Loaded, loaded_broker, say, sizes_mb  # noqa: E402
from bench._moves import measure_moves  # noqa: E402
from bench._network import Size  # noqa: E402
from bench._pages import measure_pages, web  # noqa: E402
from bench._simulate import measure_simulation  # noqa: E402
from commissions.verify import verify_commissions  # noqa: E402
from ib.queries import verify_network  # noqa: E402

MONTH_PAGE_MS, MOVE_S, LATENCY_MS, SIMULATE_S = 100, 1, 1000, 20
FIGURES = ("pages", "moves", "simulate", "latency")


def measure(loaded: Loaded, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures asked for."""
    result: dict[str, Any] = {
        "deals": loaded.deals, "load_s": round(loaded.load_s, 1), "judge_s": round(loaded.judge_s, 1),
        "mb": sizes_mb(),
    }  # fmt: skip
    with web() as port:
        if "pages" in options.figures:
            pages = measure_pages(loaded, port=port, requests=options.requests)
            result["month_page_p95_ms"] = _beside(pages["month"]["p95"], MONTH_PAGE_MS)
            result["pages_ms"] = pages
        if "moves" in options.figures:
            moves = measure_moves(loaded, port=port)
            result["subtree_move_s"] = _beside(max(moves["max_s"], moves["backdated_max_s"]), MOVE_S)
            result["subtree"] = moves
    if "simulate" in options.figures:
        simulation = measure_simulation(loaded)
        result["simulate_s"] = _beside(simulation["seconds_for_300k"], SIMULATE_S)
        result["simulate"] = simulation
    if "latency" in options.figures:
        found = measure_latency(loaded, deals_per_s=options.rate, seconds=options.seconds)
        result["latency_p95_ms"] = _beside(found["p95_ms"], LATENCY_MS)
        result["latency"] = [found]
    return result


def _beside(value: float, goal: float) -> dict[str, Any]:
    return {"value": value, "goal": goal, "met": value <= goal}


def verify(loaded: Loaded) -> list[str]:
    """Return what must not be in the loaded broker."""
    say("verifying lines, roll-up, ledger and network")
    return [str(finding) for finding in (*verify_commissions(), *verify_network(now=loaded.end))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=10_000_000)
    parser.add_argument("--ibs", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=52_000)
    parser.add_argument("--requests", type=int, default=200, help="of each page")
    parser.add_argument("--rate", type=int, default=100, help="live deals a second")
    parser.add_argument("--seconds", type=int, default=60, help="of live deals")
    parser.add_argument("--figures", type=lambda text: text.split(","), default=list(FIGURES), help=",".join(FIGURES))
    parser.add_argument("--keep", action="store_true", help="leave the broker for the next run of this size")
    parser.add_argument("--verify", action="store_true", help="prove lines, roll-up, ledger and network at the end")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with loaded_broker(Size(options.deals, options.ibs, clients=options.clients), keep=options.keep) as loaded:
        result = measure(loaded, options)
        if options.verify:
            result["findings"] = verify(loaded)
    if not options.json:
        for name, value in result.items():
            print(f"{name:24} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
