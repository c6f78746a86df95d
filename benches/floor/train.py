"""train.py PROGRAM FOLDER IDENTITY AUTHORITY: has an instrumented floor forward over HTTP and over TLS, and ends it, at which
it writes what it did into FOLDER. IDENTITY and AUTHORITY: as for the training of the gateway."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "forward"))

import upstream
from kinds import KINDS
from server import Floor

PROGRAM, FOLDER, IDENTITY, AUTHORITY = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
FORWARDS = 20_000


def train(base_url):
    env = os.environ | {"LLVM_PROFILE_FILE": str(FOLDER / "%p.profraw"), "SSL_CERT_FILE": AUTHORITY}
    floor = Floor(FOLDER, PROGRAM, base_url, env=env)
    floor.warm_up(KINDS[0])
    floor.send(KINDS[0], FORWARDS)
    floor.stop()


train(upstream.start())
train(upstream.start(IDENTITY))
