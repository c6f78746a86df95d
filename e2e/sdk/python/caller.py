"""Makes the calls of cases.py with Feishu's official Python SDK, and prints what the SDK hands to its user."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import lark_oapi as lark
from lark_oapi.api.im.v1 import (
    CreateMessageRequest,
    CreateMessageRequestBody,
    ForwardMessageRequest,
    ForwardMessageRequestBody,
    ForwardThreadRequest,
    ForwardThreadRequestBody,
    MergeForwardMessageRequest,
    MergeForwardMessageRequestBody,
)
from lark_oapi.core.exception import ObtainAccessTokenException


def forward(im, call, option):
    request = (
        ForwardMessageRequest.builder()
        .message_id(call["id"])
        .receive_id_type(call["receive_id_type"])
        .request_body(ForwardMessageRequestBody.builder().receive_id(call["receive_id"]).build())
    )
    return im.message.forward(with_uuid(request, call), option)


def merge_forward(im, call, option):
    body = MergeForwardMessageRequestBody.builder().receive_id(call["receive_id"]).message_id_list(call["ids"])
    request = (
        MergeForwardMessageRequest.builder().receive_id_type(call["receive_id_type"]).request_body(body.build())
    )
    return im.message.merge_forward(with_uuid(request, call), option)


def forward_thread(im, call, option):
    request = (
        ForwardThreadRequest.builder()
        .thread_id(call["id"])
        .receive_id_type(call["receive_id_type"])
        .request_body(ForwardThreadRequestBody.builder().receive_id(call["receive_id"]).build())
    )
    return im.thread.forward(with_uuid(request, call), option)


def send(im, call, option):
    body = CreateMessageRequestBody.builder().receive_id(call["receive_id"]).msg_type("text")
    body = body.content('{"text":"hello"}').build()
    request = CreateMessageRequest.builder().receive_id_type(call["receive_id_type"]).request_body(body).build()
    return im.message.create(request, option)


def with_uuid(request, call):
    return (request.uuid(call["uuid"]) if "uuid" in call else request).build()


@cache
def client_of(app_id, secret):
    builder = lark.Client.builder().app_id(app_id).app_secret(secret).domain(os.environ["DOMAIN"])
    # The gateway may take longer than the SDK's own 30 seconds.
    return builder.timeout(60).build()


def make(call):
    im = client_of(call["app_id"], call["secret"]).im.v1
    option = lark.RequestOption.builder().headers(dict(call.get("headers", {}))).build()
    try:
        answer = globals()[call["kind"]](im, call, option)
    except ObtainAccessTokenException as thrown:
        return {"thrown": str(thrown)}
    result = {"status": answer.raw.status_code, "code": answer.code, "msg": answer.msg, "log_id": answer.get_log_id()}
    if answer.success():
        return {**result, "data": json.loads(lark.JSON.marshal(answer.data))}
    return {**result, "error": answer.error, "headers": answer.raw.headers}


for line in sys.stdin:
    call = json.loads(line)
    with ThreadPoolExecutor(call["times"]) as threads:
        results = list(threads.map(make, [call] * call["times"]))
    print("results", json.dumps(results), flush=True)
