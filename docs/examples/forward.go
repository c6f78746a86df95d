// Forwards a message once. Retries while a retry may help. Needs only Go's standard library.
//
//	GATEWAY_URL=http://… GATEWAY_KEY=ffg_… go run forward.go MESSAGE_ID RECEIVE_ID KEY
//
// KEY is your name for this forward, such as order-17. Within an hour, the gateway sends one message for one key.
// Prints the id of the new message. Exit code: 0 it arrived, 1 it did not or nobody knows, 2 wrong usage.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"
)

type problem struct {
	Code, Outcome, Detail, Remedy string
	FixBy                         string `json:"fix_by"`
	Retryable                     bool
	retryAfter                    time.Duration
}

// mayBeRepeated says whether a retry may help. It is safe because the key stays the same.
func (p *problem) mayBeRepeated() bool {
	return (p.Retryable || p.Outcome == "unknown") && p.Code != "too_late_to_repeat"
}

func (p *problem) Error() string {
	return fmt.Sprintf("%s (%s): %s", p.Code, p.Outcome, p.Detail)
}

// 30 s is longer than the gateway's own deadline of 15 s.
var client = http.Client{Timeout: 30 * time.Second}

// attempt returns the id of the new message. If the gateway answered with a problem, the error is a *problem.
func attempt(messageID, receiveID, key string) (string, error) {
	body, _ := json.Marshal(map[string]string{"receive_id": receiveID})
	url := os.Getenv("GATEWAY_URL") + "/v1/messages/" + messageID + "/forward"
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("X-API-Key", os.Getenv("GATEWAY_KEY"))
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		var message struct {
			MessageID string `json:"message_id"`
		}
		err := json.NewDecoder(answer.Body).Decode(&message)
		return message.MessageID, err
	}
	var failure problem
	if err := json.NewDecoder(answer.Body).Decode(&failure); err != nil {
		return "", err
	}
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	failure.retryAfter = time.Duration(seconds) * time.Second
	return "", &failure
}

func main() {
	if len(os.Args) != 4 || os.Getenv("GATEWAY_URL") == "" || os.Getenv("GATEWAY_KEY") == "" {
		fmt.Fprintln(os.Stderr, "usage: GATEWAY_URL=http://… GATEWAY_KEY=ffg_… go run forward.go MESSAGE_ID RECEIVE_ID KEY")
		os.Exit(2)
	}
	for pause := time.Second; ; pause *= 2 {
		id, err := attempt(os.Args[1], os.Args[2], os.Args[3])
		if err == nil {
			fmt.Println(id)
			return
		}
		fmt.Fprintln(os.Stderr, err)
		wait := pause
		failure, answered := err.(*problem)
		if answered {
			wait = max(pause, failure.retryAfter)
		}
		isLast := pause > 8*time.Second
		if answered && (isLast || !failure.mayBeRepeated()) {
			fail(fmt.Sprintf("fix by %s: %s", failure.FixBy, failure.Remedy))
		}
		if isLast {
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, "trying again in", wait)
		time.Sleep(wait)
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}
