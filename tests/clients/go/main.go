// A caller with the generated Go client: the compiler holds each name and each value against it.
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"feishu-forward-gateway/tests/clients/gateway"
)

func main() {
	message := forward("oc_go", os.Getenv("GATEWAY_KEY"))
	expect(message.JSON200 != nil, string(message.Body))
	expect(*message.JSON200.ChatId == "oc_go", "chat_id")
	expect(*message.JSON200.Sender.IdType == "app_id", "sender")
	replayed := forward("oc_go", os.Getenv("GATEWAY_KEY"))
	expect(replayed.JSON200.MessageId == message.JSON200.MessageId, "another message")
	expect(*replayed.Headers200.IdempotencyReplayed, "Idempotency-Replayed")

	refused := forward("oc_code_230002", os.Getenv("GATEWAY_KEY"))
	problem := refused.ApplicationproblemJSON403
	expect(problem != nil, string(refused.Body))
	expect(problem.Code == gateway.ProblemCodeBotNotInChat, "code")
	expect(problem.Outcome == gateway.OutcomeNotDelivered, "outcome")
	expect(problem.FixBy == gateway.FixByChatAdmin, "fix_by")
	expect(!problem.Retryable, "retryable")
	expect(problem.Feishu.Code == 230002, "feishu")

	unauthorized := forward("oc_go", "ffg_wrong").ApplicationproblemJSON401
	expect(unauthorized.Code == gateway.ProblemCodeUnauthorized, "unauthorized")
}

func forward(receiveID, key string) *gateway.ForwardMessageResponse {
	showKey := func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-API-Key", key)
		return nil
	}
	client, err := gateway.NewClientWithResponses(os.Getenv("GATEWAY_URL"), gateway.WithRequestEditorFn(showKey))
	if err != nil {
		log.Fatal(err)
	}
	kind, idempotencyKey := gateway.ReceiveIdTypeChatId, "go-"+receiveID
	params := gateway.ForwardMessageParams{ReceiveIdType: &kind, IdempotencyKey: &idempotencyKey}
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
