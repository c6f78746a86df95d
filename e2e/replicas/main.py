"""Runs the scenarios and prints what each claims.

    main.py PROGRAMS FOLDER [SCENARIO…]
"""

import signal
import sys
import threading
import traceback
from collections import namedtuple
from pathlib import Path

import callers
import churn
import foreign
import limits
import outages
import process
import repeats
import tickets
from claims import Claims

Place = namedtuple("Place", "programs folder")

# Two at a time, as most of a scenario is waiting; the lanes take about as long as each other.
LANES = (
    (
        limits.app_minute,
        limits.app_second,
        repeats.same_uuid,
        repeats.same_key,
        repeats.dies_with_a_key,
        repeats.forgotten,
        limits.sharing_nothing,
        limits.late,
        callers.callers,
        foreign.clock,
        foreign.values,
        tickets.one_hears,
        outages.start_without,
        outages.slow,
        outages.failover,
        churn.stopped_on_its_own,
    ),
    (limits.receiver, churn.replicas, outages.redis, churn.stopped_while_asking),
)
printing = threading.Lock()


def run(scenario, place):
    name = f"{scenario.__module__}.{scenario.__name__}"
    claims = Claims(name)
    try:
        scenario(place, claims)
    except Exception:
        claims.that("it can be run to its end", False)
        claims.note(*traceback.format_exc().splitlines())
    with printing:
        print(claims, flush=True)
    return claims.all_hold


def run_lane(scenarios, place, held):
    held += [run(scenario, place) for scenario in scenarios]


def main():
    # Ends what was started on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    programs, folder, *wanted = sys.argv[1:]
    place = Place(Path(programs).resolve(), Path(folder).resolve())
    names = [scenario.__name__ for lane in LANES for scenario in lane]
    if unknown := set(wanted) - set(names):
        sys.exit(f"there is no scenario {', '.join(unknown)}; there are {', '.join(names)}")
    held, threads = [], []
    for lane in LANES:
        scenarios = [scenario for scenario in lane if not wanted or scenario.__name__ in wanted]
        threads.append(threading.Thread(target=run_lane, args=(scenarios, place, held), daemon=True))
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        process.kill_all()
    sys.exit(len(held) < len(wanted or names) or not all(held))


main()
