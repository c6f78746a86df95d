// A store app with Feishu's official Go SDK: its dispatcher hears what is pushed, and its client forwards in a tenant.
// ../store.py says what is read and printed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	lark "github.com/larksuite/oapi-sdk-go/v3"
	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	"github.com/larksuite/oapi-sdk-go/v3/core/httpserverext"
	larkevent "github.com/larksuite/oapi-sdk-go/v3/event"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"
)

type call struct {
	Kind      string `json:"kind"`
	TenantKey string `json:"tenant_key"`
	ReceiveID string `json:"receive_id"`
}

var (
	lock  sync.Mutex
	heard = []string{}
	// Whether what is pushed is encrypted.
	encryptKey = os.Getenv("ENCRYPT_KEY")
)

// The body is encrypted still.
func hear(_ context.Context, request *larkevent.EventReq) error {
	body := request.Body
	if encryptKey != "" {
		var sealed larkevent.EventEncryptMsg
		if err := json.Unmarshal(body, &sealed); err != nil {
			return err
		}
		plain, err := larkevent.EventDecrypt(sealed.Encrypt, encryptKey)
		if err != nil {
			return err
		}
		body = plain
	}
	var event struct {
		Event struct {
			Text string `json:"text"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		return err
	}
	lock.Lock()
	defer lock.Unlock()
	heard = append(heard, event.Event.Text)
	return nil
}

func forward(client *lark.Client, c call) map[string]any {
	request := larkim.NewForwardMessageReqBuilder().
		MessageId("om_1").
		ReceiveIdType("chat_id").
		Body(larkim.NewForwardMessageReqBodyBuilder().ReceiveId(c.ReceiveID).Build()).
		Build()
	answer, err := client.Im.Message.Forward(context.Background(), request, larkcore.WithTenantKey(c.TenantKey))
	if err != nil {
		return map[string]any{"thrown": err.Error()}
	}
	return map[string]any{"code": answer.Code}
}

func result(of any) {
	printed, err := json.Marshal(of)
	if err != nil {
		panic(err)
	}
	fmt.Printf("result %s\n", printed)
}

func main() {
	events := dispatcher.NewEventDispatcher(os.Getenv("VERIFICATION_TOKEN"), encryptKey).
		OnCustomizedEvent("simulated.event", hear)
	http.HandleFunc("/events", httpserverext.NewEventHandlerFunc(events))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(listener, nil)
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)

	client := lark.NewClient(os.Getenv("APP_ID"), os.Getenv("APP_SECRET"),
		lark.WithOpenBaseUrl(os.Getenv("DOMAIN")), lark.WithMarketplaceApp())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			panic(err)
		}
		if c.Kind == "heard" {
			lock.Lock()
			result(heard)
			lock.Unlock()
			continue
		}
		result(forward(client, c))
	}
}
