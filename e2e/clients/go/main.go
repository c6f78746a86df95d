// A caller with the generated Go client: the compiler holds each name and each value against it.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"feishu-forward-gateway/e2e/clients/gateway"
)

func main() {
	key := os.Getenv("GATEWAY_KEY")
	message := forwarded(forward("oc_go", key, false))
	expect(*message.ChatId == "oc_go", "chat_id")
	expect(*message.Sender.IdType == "app_id", "sender")
	replayed := forward("oc_go", key, false)
	expect(forwarded(replayed).MessageId == message.MessageId, "another message")
	expect(*replayed.Headers200.IdempotencyReplayed, "Idempotency-Replayed")

	merged := merge("oc_go_merge", "om_1", "om_2")
	expect(*merged.Message.ChatId == "oc_go_merge", "chat_id of a merge")
	expect(len(*merged.InvalidMessageIdList) == 0, "invalid_message_id_list")
	thread := forwardThread("omt_1", "oc_go_thread")
	expect(*thread.ChatId == "oc_go_thread", "chat_id of a thread")

	accepted := broadcast("go-broadcast", "oc_go_all", "oc_code_230002")
	finished := accepted
	for finished.FinishedAt == nil {
		finished = changed(accepted.Id)
	}
	expect(finished.State == gateway.BroadcastStateCompleted, "state")
	expect(finished.Counts.Delivered == 1, "counts")
	failed := receivers(accepted.Id, gateway.ReceiverOutcomeNotDelivered)
	expect(len(failed) == 1 && failed[0].ReceiveId == "oc_code_230002", "receivers")
	expect(failed[0].Problem.Code == gateway.ProblemCodeBotNotInChat, "problem of a receiver")

	foreseen, err := forward("oc_elsewhere", key, true).JSON200.AsDryRun()
	expect(err == nil && foreseen.Would == gateway.WouldSend, "would")
	expect(foreseen.FeishuRequest.Body.ReceiveId == "oc_elsewhere", "feishu_request")

	refused := forward("oc_code_230002", key, false)
	problem := refused.ApplicationproblemJSON403
	expect(problem != nil, string(refused.Body))
	expect(problem.Code == gateway.ProblemCodeBotNotInChat, "code")
	expect(problem.Outcome == gateway.OutcomeNotDelivered, "outcome")
	expect(problem.FixBy == gateway.FixByChatAdmin, "fix_by")
	expect(!problem.Retryable, "retryable")
	expect(problem.Feishu.Code == 230002, "feishu")

	unauthorized := forward("oc_go", "ffg_wrong", false).ApplicationproblemJSON401
	expect(unauthorized.Code == gateway.ProblemCodeUnauthorized, "unauthorized")
}

func forwarded(answer *gateway.ForwardMessageResponse) gateway.ForwardedMessage {
	expect(answer.JSON200 != nil, string(answer.Body))
	message, err := answer.JSON200.AsForwardedMessage()
	expect(err == nil, "no message")
	return message
}

func forward(receiveID, key string, dryRun bool) *gateway.ForwardMessageResponse {
	kind, idempotencyKey := gateway.ReceiveIdTypeChatId, "go-"+receiveID
	params := gateway.ForwardMessageParams{ReceiveIdType: &kind, IdempotencyKey: &idempotencyKey, DryRun: &dryRun}
	body := gateway.ForwardBody{ReceiveId: receiveID}
	answer, err := client(key).ForwardMessageWithResponse(context.Background(), "om_1", &params, body)
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

func merge(receiveID string, messageIDs ...string) gateway.MergeForwardResult {
	params := gateway.MergeForwardMessagesParams{}
	body := gateway.MergeForwardBody{ReceiveId: receiveID, MessageIdList: messageIDs}
	answer, err := client(os.Getenv("GATEWAY_KEY")).MergeForwardMessagesWithResponse(context.Background(), &params, body)
	if err != nil {
		log.Fatal(err)
	}
	expect(answer.JSON200 != nil, string(answer.Body))
	merged, err := answer.JSON200.AsMergeForwardResult()
	expect(err == nil, "no merge")
	return merged
}

func forwardThread(threadID, receiveID string) gateway.ForwardedMessage {
	params := gateway.ForwardThreadParams{}
	body := gateway.ForwardBody{ReceiveId: receiveID}
	answer, err := client(os.Getenv("GATEWAY_KEY")).ForwardThreadWithResponse(context.Background(), threadID, &params, body)
	if err != nil {
		log.Fatal(err)
	}
	expect(answer.JSON200 != nil, string(answer.Body))
	message, err := answer.JSON200.AsForwardedMessage()
	expect(err == nil, "no message")
	return message
}

func broadcast(key string, receiveIDs ...string) gateway.Broadcast {
	var receivers []gateway.BroadcastReceiver
	for _, receiveID := range receiveIDs {
		receivers = append(receivers, gateway.BroadcastReceiver{ReceiveId: receiveID})
	}
	params := gateway.BroadcastMessageParams{IdempotencyKey: key}
	body := gateway.NewBroadcast{Receivers: receivers}
	answer, err := client(os.Getenv("GATEWAY_KEY")).BroadcastMessageWithResponse(context.Background(), "om_1", &params, body)
	if err != nil {
		log.Fatal(err)
	}
	expect(answer.JSON202 != nil, string(answer.Body))
	return *answer.JSON202
}

func changed(id string) gateway.Broadcast {
	wait := "wait=5"
	params := gateway.GetBroadcastParams{Prefer: &wait}
	answer, err := client(os.Getenv("GATEWAY_KEY")).GetBroadcastWithResponse(context.Background(), id, &params)
	if err != nil {
		log.Fatal(err)
	}
	expect(answer.JSON200 != nil, string(answer.Body))
	return *answer.JSON200
}

func receivers(id string, outcome gateway.ReceiverOutcome) []gateway.ReceiverResult {
	params := gateway.ListBroadcastReceiversParams{Outcome: &[]gateway.ReceiverOutcome{outcome}}
	answer, err := client(os.Getenv("GATEWAY_KEY")).ListBroadcastReceiversWithResponse(context.Background(), id, &params)
	if err != nil {
		log.Fatal(err)
	}
	expect(answer.JSON200 != nil, string(answer.Body))
	return answer.JSON200.Receivers
}

func client(key string) *gateway.ClientWithResponses {
	showKey := func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-API-Key", key)
		return nil
	}
	client, err := gateway.NewClientWithResponses(os.Getenv("GATEWAY_URL"), gateway.WithRequestEditorFn(showKey))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func expect(holds bool, what string) {
	if !holds {
		log.Fatal(what)
	}
}
