"""Does what cases.py asks for with the official client in Python, and prints what it hands to its user.

caller.py http|bridge legacy|modern
"""

import contextlib
import json
import os
import sys

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

URL = os.environ["GATEWAY_URL"]
KEY = os.environ["GATEWAY_KEY"]
PROGRAM = os.environ["GATEWAY_PROGRAM"]


def say(**line):
    print(json.dumps(line), flush=True)


def innermost(error):
    """The client wraps what has failed in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return repr(error)


@contextlib.asynccontextmanager
async def opened(transport):
    if transport == "bridge":
        yield stdio_client(StdioServerParameters(
            command=PROGRAM, args=["mcp", "--url", URL], env={**os.environ, "GATEWAY_API_KEY": KEY}))
        return
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    async with create_mcp_http_client(headers=headers) as http:
        yield streamable_http_client(f"{URL}/mcp", http_client=http)


async def answer(client, asked):
    if asked["do"] == "list":
        listed = await client.list_tools()
        return {"tools": [tool.model_dump(by_alias=True, exclude_none=True) for tool in listed.tools]}
    said = None
    with anyio.CancelScope() as scope:
        async def progress(done, total, _message):
            say(progress=done, total=total)
            if asked.get("cancel"):
                scope.cancel()

        said = await client.call_tool(
            asked["params"]["name"], asked["params"]["arguments"],
            progress_callback=progress if asked.get("progress") else None)
    if said is None:
        return {"failed": "canceled"}
    return {"isError": bool(said.is_error), "structuredContent": said.structured_content,
            "text": "".join(part.text for part in said.content)}


async def main(transport, era):
    async with opened(transport) as opening:
        async with Client(opening, mode="auto" if era == "modern" else "legacy") as client:
            say(server=client.server_info.name, revision=client.protocol_version)
            while line := await anyio.to_thread.run_sync(sys.stdin.readline):
                try:
                    said = await answer(client, json.loads(line))
                except Exception as error:
                    said = {"failed": innermost(error)}
                say(**said)


try:
    anyio.run(main, *sys.argv[1:])
except Exception as error:
    say(failed=innermost(error))
