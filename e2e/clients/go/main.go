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
	showKey := func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-API-Key", key)
		return nil
	}
	client, err := gateway.NewClientWithResponses(os.Getenv("GATEWAY_URL"), gateway.WithRequestEditorFn(showKey))
	if err != nil {
		log.Fatal(err)
	}
	kind, idempotencyKey := gateway.ReceiveIdTypeChatId, "go-"+receiveID
	params := gateway.ForwardMessageParams{ReceiveIdType: &kind, IdempotencyKey: &idempotencyKey, DryRun: &dryRun}
	body := gateway.ForwardBody{ReceiveId: receiveID}
	answer, err := client.ForwardMessageWithResponse(context.Background(), "om_1", &params, body)
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

func expect(holds bool, what string) {
	if !holds {
		log.Fatal(what)
	}
}
