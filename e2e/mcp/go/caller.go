// Caller does what cases.py asks for with the official client in Go, and prints what it hands to its user.
//
//	caller http|bridge legacy|modern
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The revisions that a client names to have one of each era.
var revisions = map[string]string{"legacy": "2025-11-25", "modern": "2026-07-28"}

type asked struct {
	Do     string `json:"do"`
	Params struct {
		Name      string         `json:"name"`
		Arguments map[string]any `json:"arguments"`
	} `json:"params"`
	Progress bool `json:"progress"`
	Cancel   bool `json:"cancel"`
}

type line map[string]any

var printed = json.NewEncoder(os.Stdout)

func say(it line) {
	if err := printed.Encode(it); err != nil {
		panic(err)
	}
}

// withKey adds the API key to each request.
type withKey struct{ key string }

func (it withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	if it.key != "" {
		request.Header.Set("Authorization", "Bearer "+it.key)
	}
	return http.DefaultTransport.RoundTrip(request)
}

func opened(transport string) mcp.Transport {
	url, key := os.Getenv("GATEWAY_URL"), os.Getenv("GATEWAY_KEY")
	if transport == "bridge" {
		command := exec.Command(os.Getenv("GATEWAY_PROGRAM"), "mcp", "--url", url)
		command.Env = append(os.Environ(), "GATEWAY_API_KEY="+key)
		command.Stderr = os.Stderr
		return &mcp.CommandTransport{Command: command}
	}
	return &mcp.StreamableClientTransport{
		Endpoint:   url + "/mcp",
		HTTPClient: &http.Client{Transport: withKey{key}},
	}
}

// caller has what the handler of progress, which the client knows from its start, needs of the call under way.
type caller struct {
	session *mcp.ClientSession
	cancel  context.CancelFunc
}

func (it *caller) progressed(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
	say(line{"progress": request.Params.Progress, "total": request.Params.Total})
	if it.cancel != nil {
		it.cancel()
	}
}

func (it *caller) answer(asked asked) (line, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if asked.Do == "list" {
		listed, err := it.session.ListTools(ctx, nil)
		if err != nil {
			return nil, err
		}
		return line{"tools": listed.Tools}, nil
	}
	params := &mcp.CallToolParams{Name: asked.Params.Name, Arguments: asked.Params.Arguments}
	if asked.Progress {
		params.SetProgressToken("progress")
	}
	it.cancel = nil
	if asked.Cancel {
		it.cancel = cancel
	}
	said, err := it.session.CallTool(ctx, params)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, part := range said.Content {
		if part, ok := part.(*mcp.TextContent); ok {
			text.WriteString(part.Text)
		}
	}
	return line{"isError": said.IsError, "structuredContent": said.StructuredContent, "text": text.String()}, nil
}

func run(transport, era string) error {
	it := &caller{}
	client := mcp.NewClient(&mcp.Implementation{Name: "cases", Version: "1"},
		&mcp.ClientOptions{ProgressNotificationHandler: it.progressed})
	session, err := client.Connect(context.Background(), opened(transport),
		&mcp.ClientSessionOptions{ProtocolVersion: revisions[era]})
	if err != nil {
		return err
	}
	it.session = session
	began := session.InitializeResult()
	say(line{"server": began.ServerInfo.Name, "revision": began.ProtocolVersion})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked asked
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		said, err := it.answer(asked)
		if err != nil {
			said = line{"failed": err.Error()}
		}
		say(said)
	}
	return session.Close()
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		say(line{"failed": err.Error()})
	}
}
