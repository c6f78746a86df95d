"""A caller with the generated Python client: mypy holds each name and each value against it."""

import os

from gateway import AuthenticatedClient
from gateway.api.messages import forward_message, forward_thread, merge_forward_messages
from gateway.models import (
    DryRun,
    FixBy,
    ForwardBody,
    ForwardedMessage,
    MergeForwardBody,
    MergeForwardResult,
    Outcome,
    Problem,
    ProblemCode,
    ReceiveIdType,
    Would,
)
from gateway.types import Response, Unset


def forward(
    receive_id: str, key: str = os.environ["GATEWAY_KEY"], dry_run: bool = False
) -> Response[ForwardedMessage | DryRun | Problem]:
    client = AuthenticatedClient(os.environ["GATEWAY_URL"], token=key)
    return forward_message.sync_detailed(
        "om_1",
        client=client,
        body=ForwardBody(receive_id=receive_id),
        receive_id_type=ReceiveIdType.CHAT_ID,
        dry_run=dry_run,
        idempotency_key=f"python-{receive_id}",
    )


message = forward("oc_python").parsed
assert isinstance(message, ForwardedMessage), message
assert message.chat_id == "oc_python"
assert not isinstance(message.sender, Unset) and message.sender.id_type == "app_id"
replayed = forward("oc_python")
assert replayed.parsed == message
assert replayed.headers["Idempotency-Replayed"] == "true"

client = AuthenticatedClient(os.environ["GATEWAY_URL"], token=os.environ["GATEWAY_KEY"])
merged = merge_forward_messages.sync(
    client=client,
    body=MergeForwardBody(receive_id="oc_python_merge", message_id_list=["om_1", "om_2"]),
    receive_id_type=ReceiveIdType.CHAT_ID,
)
assert isinstance(merged, MergeForwardResult), merged
assert merged.message.chat_id == "oc_python_merge"
assert merged.invalid_message_id_list == []

thread = forward_thread.sync("omt_1", client=client, body=ForwardBody(receive_id="oc_python_thread"))
assert isinstance(thread, ForwardedMessage), thread
assert thread.chat_id == "oc_python_thread"

foreseen = forward("oc_elsewhere", dry_run=True).parsed
assert isinstance(foreseen, DryRun), foreseen
assert foreseen.would is Would.SEND
assert not isinstance(foreseen.feishu_request, Unset)
assert foreseen.feishu_request.body.receive_id == "oc_elsewhere"

problem = forward("oc_code_230002").parsed
assert isinstance(problem, Problem), problem
assert problem.code is ProblemCode.BOT_NOT_IN_CHAT
assert problem.outcome is Outcome.NOT_DELIVERED
assert problem.fix_by is FixBy.CHAT_ADMIN
assert problem.retryable is False
assert not isinstance(problem.feishu, Unset) and problem.feishu.code == 230002

unauthorized = forward("oc_python", key="ffg_wrong").parsed
assert isinstance(unauthorized, Problem), unauthorized
assert unauthorized.code is ProblemCode.UNAUTHORIZED
