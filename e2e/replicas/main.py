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

# Four at a time, as most of a scenario is waiting. The longest come first, so that they end together.
AT_ONCE = 4
SCENARIOS = (
    limits.app_minute,
    churn.replicas,
    outages.redis,
    foreign.clock,
    foreign.values,
    callers.callers,
    limits.receiver,
    limits.late,
    outages.slow,
    outages.failover,
    churn.stopped_while_asking,
    repeats.forgotten,
    limits.app_second,
    outages.start_without,
    churn.stopped_on_its_own,
    repeats.dies_with_a_key,
    repeats.same_key,
    tickets.one_hears,
    limits.sharing_nothing,
    repeats.same_uuid,
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


def run_all(scenarios, place, held):
    for scenario in scenarios:
        held.append(run(scenario, place))


def main():
    # Ends what was started on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    programs, folder, *wanted = sys.argv[1:]
    place = Place(Path(programs).resolve(), Path(folder).resolve())
    names = [scenario.__name__ for scenario in SCENARIOS]
    if unknown := set(wanted) - set(names):
        sys.exit(f"there is no scenario {', '.join(unknown)}; there are {', '.join(names)}")
    scenarios = [scenario for scenario in SCENARIOS if not wanted or scenario.__name__ in wanted]
    held = []
    # Each thread takes the next one.
    waiting = iter(scenarios)
    threads = [threading.Thread(target=run_all, args=(waiting, place, held), daemon=True) for _ in range(AT_ONCE)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        process.kill_all()
    sys.exit(len(held) < len(scenarios) or not all(held))


main()
