"""train.py PROGRAM FOLDER IDENTITY AUTHORITY: has an instrumented program do what it is to be fast at, over HTTP and
over TLS, and ends it, at which it writes what it did into FOLDER. IDENTITY is a file with the certificate and the
key of its Feishu, AUTHORITY one with the certificate that signed it."""

import os
import sys
from pathlib import Path

import upstream
from gateway import Gateway
from kinds import KINDS

PROGRAM, FOLDER, IDENTITY, AUTHORITY = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
# The first kind is what the gateway is there for.
REQUESTS, REQUESTS_OF_THE_FIRST = 1000, 20_000


def train(base_url):
    env = os.environ | {"LLVM_PROFILE_FILE": str(FOLDER / "%p.profraw"), "SSL_CERT_FILE": AUTHORITY}
    gateway = Gateway(FOLDER, PROGRAM, base_url, env=env)
    for kind in KINDS:
        gateway.warm_up(kind)
        gateway.send(kind, REQUESTS_OF_THE_FIRST if kind is KINDS[0] else REQUESTS)
    gateway.stop()


train(upstream.start())
train(upstream.start(IDENTITY))
