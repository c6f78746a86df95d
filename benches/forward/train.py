"""train.py PROGRAM FOLDER: has an instrumented program do what it is to be fast at, and ends it, at which it
writes what it did into FOLDER."""

import os
import sys
from pathlib import Path

from gateway import Gateway
from kinds import KINDS

PROGRAM, FOLDER = sys.argv[1], Path(sys.argv[2])
# The first kind is what the gateway is there for.
REQUESTS, REQUESTS_OF_THE_FIRST = 1000, 20_000

gateway = Gateway(FOLDER, PROGRAM, env=os.environ | {"LLVM_PROFILE_FILE": str(FOLDER / "%p.profraw")})
for kind in KINDS:
    gateway.warm_up(kind)
    gateway.send(kind, REQUESTS_OF_THE_FIRST if kind is KINDS[0] else REQUESTS)
gateway.stop()
