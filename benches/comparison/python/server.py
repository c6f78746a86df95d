"""Serves app.py with uvicorn, and says on which port once it is ready."""

import os
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess


class Workers(Multiprocess):
    def init_processes(self) -> None:
        super().init_processes()
        # The SDK takes seconds to import, in every worker.
        if all(worker.wait_until_ready(60) for worker in self.processes):
            say_port(self.sockets[0])


def say_port(listener: socket.socket) -> None:
    print(f"listening {listener.getsockname()[1]}", flush=True)


def main() -> None:
    config = uvicorn.Config(
        "app:app",
        workers=int(os.environ.get("WORKERS", "1")),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
        # On a busy machine the import leaves a worker no time to answer within the usual 5 seconds.
        timeout_worker_healthcheck=60,
    )
    listener = socket.create_server(
        ("127.0.0.1", int(os.environ.get("PORT", "0"))), backlog=config.backlog
    )
    if config.workers > 1:
        Workers(config, sockets=[listener]).run()
        return
    config.load()
    say_port(listener)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
