module feishu-forward-gateway/e2e/sdk

go 1.26.0

require github.com/larksuite/oapi-sdk-go/v3 v3.5.3
