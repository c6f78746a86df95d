"""A caller with the generated Python client: mypy holds each name and each value against it."""

import os

from gateway import AuthenticatedClient
from gateway.api.broadcasts import broadcast_message, get_broadcast, list_broadcast_receivers
from gateway.api.messages import forward_message, forward_thread, merge_forward_messages
from gateway.models import (
    Broadcast,
    BroadcastReceiver,
    BroadcastState,
    DryRun,
    FixBy,
    ForwardBody,
    ForwardedMessage,
    MergeForwardBody,
    MergeForwardResult,
    NewBroadcast,
    Outcome,
    Problem,
    ProblemCode,
    ReceiveIdType,
    ReceiverOutcome,
    ReceiverPage,
    Would,
)
from gateway.types import Response, Unset


def forward(
    receive_id: str, key: str = os.environ["GATEWAY_KEY"], dry_run: bool = False
) -> Response[ForwardedMessage | DryRun | Broadcast | Problem]:
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

accepted = broadcast_message.sync(
    "om_1",
    client=client,
    body=NewBroadcast(receivers=[BroadcastReceiver("oc_python_all"), BroadcastReceiver("oc_code_230002")]),
    idempotency_key="python-broadcast",
)
assert isinstance(accepted, Broadcast), accepted
broadcast = accepted
while isinstance(broadcast.finished_at, Unset):
    changed = get_broadcast.sync(accepted.id, client=client, prefer="wait=5")
    assert isinstance(changed, Broadcast), changed
    broadcast = changed
assert broadcast.state is BroadcastState.COMPLETED
assert broadcast.counts.delivered == 1
page = list_broadcast_receivers.sync(accepted.id, client=client, outcome=[ReceiverOutcome.NOT_DELIVERED])
assert isinstance(page, ReceiverPage), page
(failed,) = page.receivers
assert failed.receive_id == "oc_code_230002"
assert not isinstance(failed.problem, Unset) and failed.problem.code is ProblemCode.BOT_NOT_IN_CHAT

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
