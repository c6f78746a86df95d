"""Stands between an SDK and the gateway, hands every byte on as it is, and keeps what the SDK sent."""

import asyncio
import re
import threading

# What depends on the machine or on the runtime, not on the SDK.
LEFT_OUT = {"connection"}
SECRETS = (
    (re.compile(r"(?<=^Authorization: Bearer )\S+", re.I | re.M), "TOKEN"),
    (re.compile(r'("app_secret": ?)"[^"]*"'), r'\1"API_KEY"'),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "PORT"),
)


class Recorder:
    """Listens on `url`. While `title` is set, it keeps the requests in `sent`, under this title."""

    def __init__(self, gateway):
        self._host, self._port = gateway.removeprefix("http://").split(":")
        self.sent = []
        self.title = None
        self._loop = asyncio.new_event_loop()
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 20, backlog=1000))
        self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    async def _connected(self, from_sdk, to_sdk):
        from_gateway, to_gateway = await asyncio.open_connection(self._host, self._port)
        answers = asyncio.create_task(self._hand_on(from_gateway, to_sdk))
        try:
            while True:
                head = await from_sdk.readuntil(b"\r\n\r\n")
                length = re.search(rb"^Content-Length: *(\d+)\r$", head, re.I | re.M)
                body = await from_sdk.readexactly(int(length[1]) if length else 0)
                if self.title:
                    self._keep(head.decode("ascii"), body.decode())
                to_gateway.write(head + body)
                await to_gateway.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            # The SDK has closed the connection.
            to_gateway.close()
        await answers

    async def _hand_on(self, reader, writer):
        try:
            while some := await reader.read(1 << 16):
                writer.write(some)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    def _keep(self, head, body):
        request, *headers = head.rstrip("\r\n").split("\r\n")
        headers = [header for header in headers if header.split(":")[0].lower() not in LEFT_OUT]
        text = "\n".join([request, *headers, "", body])
        for pattern, instead in SECRETS:
            text = pattern.sub(instead, text)
        self.sent.append(f"# {self.title}\n{text}\n")
