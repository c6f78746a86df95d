// Makes the calls of cases.py with Feishu's official Go SDK, and prints what the SDK hands to its user.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"

	lark "github.com/larksuite/oapi-sdk-go/v3"
	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"
)

type call struct {
	Kind          string            `json:"kind"`
	AppID         string            `json:"app_id"`
	Secret        string            `json:"secret"`
	ID            string            `json:"id"`
	IDs           []string          `json:"ids"`
	ReceiveID     string            `json:"receive_id"`
	ReceiveIDType string            `json:"receive_id_type"`
	UUID          *string           `json:"uuid"`
	Headers       map[string]string `json:"headers"`
	Times         int               `json:"times"`
}

type result map[string]any

func forward(ctx context.Context, client *lark.Client, c call, options ...larkcore.RequestOptionFunc) (result, error) {
	request := larkim.NewForwardMessageReqBuilder().
		MessageId(c.ID).
		ReceiveIdType(c.ReceiveIDType).
		Body(larkim.NewForwardMessageReqBodyBuilder().ReceiveId(c.ReceiveID).Build())
	if c.UUID != nil {
		request = request.Uuid(*c.UUID)
	}
	answer, err := client.Im.Message.Forward(ctx, request.Build(), options...)
	if err != nil {
		return nil, err
	}
	return read(answer.ApiResp, answer.CodeError, answer.Data), nil
}

func mergeForward(ctx context.Context, client *lark.Client, c call, options ...larkcore.RequestOptionFunc) (result, error) {
	request := larkim.NewMergeForwardMessageReqBuilder().
		ReceiveIdType(c.ReceiveIDType).
		Body(larkim.NewMergeForwardMessageReqBodyBuilder().ReceiveId(c.ReceiveID).MessageIdList(c.IDs).Build())
	if c.UUID != nil {
		request = request.Uuid(*c.UUID)
	}
	answer, err := client.Im.Message.MergeForward(ctx, request.Build(), options...)
	if err != nil {
		return nil, err
	}
	return read(answer.ApiResp, answer.CodeError, answer.Data), nil
}

func forwardThread(ctx context.Context, client *lark.Client, c call, options ...larkcore.RequestOptionFunc) (result, error) {
	request := larkim.NewForwardThreadReqBuilder().
		ThreadId(c.ID).
		ReceiveIdType(c.ReceiveIDType).
		Body(larkim.NewForwardThreadReqBodyBuilder().ReceiveId(c.ReceiveID).Build())
	if c.UUID != nil {
		request = request.Uuid(*c.UUID)
	}
	answer, err := client.Im.Thread.Forward(ctx, request.Build(), options...)
	if err != nil {
		return nil, err
	}
	return read(answer.ApiResp, answer.CodeError, answer.Data), nil
}

func send(ctx context.Context, client *lark.Client, c call, options ...larkcore.RequestOptionFunc) (result, error) {
	body := larkim.NewCreateMessageReqBodyBuilder().ReceiveId(c.ReceiveID).MsgType("text").Content(`{"text":"hello"}`)
	request := larkim.NewCreateMessageReqBuilder().ReceiveIdType(c.ReceiveIDType).Body(body.Build()).Build()
	answer, err := client.Im.Message.Create(ctx, request, options...)
	if err != nil {
		return nil, err
	}
	return read(answer.ApiResp, answer.CodeError, answer.Data), nil
}

var requests = map[string]func(context.Context, *lark.Client, call, ...larkcore.RequestOptionFunc) (result, error){
	"forward":        forward,
	"merge_forward":  mergeForward,
	"forward_thread": forwardThread,
	"send":           send,
}

func read(answer *larkcore.ApiResp, code larkcore.CodeError, data any) result {
	read := result{"status": answer.StatusCode, "code": code.Code, "msg": code.Msg, "log_id": answer.RequestId()}
	if code.Code == 0 {
		read["data"] = data
		return read
	}
	// The SDK's own type for errors has no room for members that are not Feishu's.
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer.RawBody, &body); err == nil {
		read["error"] = body.Error
	}
	headers := map[string]string{}
	for name := range answer.Header {
		headers[name] = answer.Header.Get(name)
	}
	read["headers"] = headers
	return read
}

var clients = map[[2]string]*lark.Client{}

func clientOf(c call) *lark.Client {
	name := [2]string{c.AppID, c.Secret}
	if clients[name] == nil {
		clients[name] = lark.NewClient(c.AppID, c.Secret, lark.WithOpenBaseUrl(os.Getenv("DOMAIN")))
	}
	return clients[name]
}

func ask(client *lark.Client, c call) result {
	headers := http.Header{}
	for name, value := range c.Headers {
		headers.Set(name, value)
	}
	answer, err := requests[c.Kind](context.Background(), client, c, larkcore.WithHeaders(headers))
	if err != nil {
		return result{"thrown": err.Error()}
	}
	return answer
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			panic(err)
		}
		client := clientOf(c)
		results := make([]result, c.Times)
		var all sync.WaitGroup
		for i := range results {
			all.Add(1)
			go func() {
				defer all.Done()
				results[i] = ask(client, c)
			}()
		}
		all.Wait()
		printed, err := json.Marshal(results)
		if err != nil {
			panic(err)
		}
		fmt.Printf("results %s\n", printed)
	}
}
