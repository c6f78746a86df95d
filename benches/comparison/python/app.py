"""What a team would write to forward messages with Feishu's official SDK for Python.

It does less than the gateway: one key, no limits, no retries, no deduplication, no metrics.
"""

import gc
import hashlib
import hmac
import json
import os
import uuid
from typing import Annotated

import lark_oapi
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from lark_oapi.api.im.v1 import ForwardMessageRequest, ForwardMessageRequestBody
from pydantic import BaseModel, Field

RECEIVE_ID_TYPES = {"ou": "open_id", "on": "union_id", "oc": "chat_id", "omt": "thread_id"}
KEY_HASH = bytes.fromhex(os.environ["API_KEY_SHA256"])

client = (
    lark_oapi.Client.builder()
    .app_id(os.environ["APP_ID"])
    .app_secret(os.environ["APP_SECRET"])
    .domain(os.environ["FEISHU_BASE_URL"])
    .log_level(lark_oapi.LogLevel.ERROR)
    .build()
)
app = FastAPI(openapi_url=None)


class Forward(BaseModel):
    receive_id: str = Field(pattern="^(ou|on|oc|omt)_")


async def known_caller(x_api_key: Annotated[str, Header()] = "") -> None:
    if not hmac.compare_digest(hashlib.sha256(x_api_key.encode()).digest(), KEY_HASH):
        raise HTTPException(401, "unknown API key")


@app.exception_handler(RequestValidationError)
async def bad_request(_request, error: RequestValidationError) -> JSONResponse:
    return JSONResponse({"detail": str(error.errors())}, 400)


def request_of(message_id: str, body: Forward) -> ForwardMessageRequest:
    return (
        ForwardMessageRequest.builder()
        .message_id(message_id)
        .receive_id_type(RECEIVE_ID_TYPES[body.receive_id.partition("_")[0]])
        .uuid(str(uuid.uuid4()))
        .request_body(ForwardMessageRequestBody.builder().receive_id(body.receive_id).build())
        .build()
    )


def answer(response) -> JSONResponse:
    if not response.success():
        return JSONResponse({"code": response.code, "msg": response.msg}, 502)
    # The data as it came: the SDK's own marshalling copies every object deeply.
    return JSONResponse(json.loads(response.raw.content)["data"])


def failure(error: Exception) -> JSONResponse:
    """There is no answer, no token, or no JSON in the answer."""
    return JSONResponse({"code": None, "msg": str(error)}, 502)


def in_a_thread(message_id: str, body: Forward) -> JSONResponse:
    try:
        return answer(client.im.v1.message.forward(request_of(message_id, body)))
    except Exception as error:
        return failure(error)


async def on_the_event_loop(message_id: str, body: Forward) -> JSONResponse:
    try:
        return answer(await client.im.v1.message.aforward(request_of(message_id, body)))
    except Exception as error:
        return failure(error)


# FastAPI runs what is not async in its thread pool. The SDK's async call is what many would take first; it
# makes a new HTTP client with a new TLS context each time and takes more than 20 times the CPU.
forward = on_the_event_loop if os.environ.get("SDK_CALL") == "async" else in_a_thread
app.post("/v1/messages/{message_id}/forward", dependencies=[Depends(known_caller)])(forward)


# The SDK is many thousand objects that stay for good: the garbage collector need not walk through them.
gc.freeze()
