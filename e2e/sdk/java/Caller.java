import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.lark.oapi.Client;
import com.lark.oapi.core.exception.ObtainAccessTokenException;
import com.lark.oapi.core.httpclient.OkHttpTransport;
import com.lark.oapi.core.request.RequestOptions;
import com.lark.oapi.core.response.BaseResponse;
import com.lark.oapi.core.utils.Jsons;
import com.lark.oapi.okhttp.OkHttpClient;
import com.lark.oapi.service.im.v1.model.CreateMessageReq;
import com.lark.oapi.service.im.v1.model.CreateMessageReqBody;
import com.lark.oapi.service.im.v1.model.ForwardMessageReq;
import com.lark.oapi.service.im.v1.model.ForwardMessageReqBody;
import com.lark.oapi.service.im.v1.model.ForwardThreadReq;
import com.lark.oapi.service.im.v1.model.ForwardThreadReqBody;
import com.lark.oapi.service.im.v1.model.MergeForwardMessageReq;
import com.lark.oapi.service.im.v1.model.MergeForwardMessageReqBody;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Makes the calls of cases.py with Feishu's official Java SDK, and prints what the SDK hands to its user. */
public class Caller {
    static class Call {
        String kind;
        String app_id;
        String secret;
        String id;
        String[] ids;
        String receive_id;
        String receive_id_type;
        String uuid;
        Map<String, String> headers = new HashMap<>();
        int times;
    }

    static BaseResponse<?> request(Client client, Call call, RequestOptions options) throws Exception {
        switch (call.kind) {
            case "forward":
                return client.im().v1().message().forward(ForwardMessageReq.newBuilder()
                        .messageId(call.id)
                        .receiveIdType(call.receive_id_type)
                        .uuid(call.uuid)
                        .forwardMessageReqBody(ForwardMessageReqBody.newBuilder().receiveId(call.receive_id).build())
                        .build(), options);
            case "merge_forward":
                return client.im().v1().message().mergeForward(MergeForwardMessageReq.newBuilder()
                        .receiveIdType(call.receive_id_type)
                        .uuid(call.uuid)
                        .mergeForwardMessageReqBody(MergeForwardMessageReqBody.newBuilder()
                                .receiveId(call.receive_id)
                                .messageIdList(call.ids)
                                .build())
                        .build(), options);
            case "forward_thread":
                return client.im().v1().thread().forward(ForwardThreadReq.newBuilder()
                        .threadId(call.id)
                        .receiveIdType(call.receive_id_type)
                        .uuid(call.uuid)
                        .forwardThreadReqBody(ForwardThreadReqBody.newBuilder().receiveId(call.receive_id).build())
                        .build(), options);
            case "send":
                return client.im().v1().message().create(CreateMessageReq.newBuilder()
                        .receiveIdType(call.receive_id_type)
                        .createMessageReqBody(CreateMessageReqBody.newBuilder()
                                .receiveId(call.receive_id)
                                .msgType("text")
                                .content("{\"text\":\"hello\"}")
                                .build())
                        .build(), options);
            default:
                throw new IllegalArgumentException(call.kind);
        }
    }

    static final Map<List<String>, Client> clients = new HashMap<>();

    static Client clientOf(Call call) {
        return clients.computeIfAbsent(List.of(call.app_id, call.secret), key ->
                Client.newBuilder(call.app_id, call.secret)
                        .openBaseUrl(System.getenv("DOMAIN"))
                        // The SDK's own client gives up when it has heard nothing for 10 seconds, also with a longer
                        // requestTimeout.
                        .httpTransport(new OkHttpTransport(
                                new OkHttpClient.Builder().readTimeout(60, TimeUnit.SECONDS).build()))
                        .build());
    }

    static JsonObject make(Client client, Call call) throws Exception {
        Map<String, List<String>> headers = new HashMap<>();
        call.headers.forEach((name, value) -> headers.put(name, List.of(value)));
        JsonObject result = new JsonObject();
        BaseResponse<?> answer;
        try {
            answer = request(client, call, RequestOptions.newBuilder().headers(headers).build());
        } catch (ObtainAccessTokenException thrown) {
            result.addProperty("thrown", thrown.toString());
            return result;
        }
        result.addProperty("status", answer.getRawResponse().getStatusCode());
        result.addProperty("code", answer.getCode());
        result.addProperty("msg", answer.getMsg());
        result.addProperty("log_id", answer.getRequestId());
        if (answer.success()) {
            result.add("data", JsonParser.parseString(Jsons.DEFAULT.toJson(answer.getData())));
            return result;
        }
        // The SDK's own type for errors has no room for members that are not Feishu's.
        String body = new String(answer.getRawResponse().getBody(), StandardCharsets.UTF_8);
        JsonElement error = JsonParser.parseString(body).getAsJsonObject().get("error");
        result.add("error", error);
        JsonObject received = new JsonObject();
        answer.getRawResponse().getHeaders().forEach((name, values) -> received.addProperty(name, values.get(0)));
        result.add("headers", received);
        return result;
    }

    public static void main(String[] arguments) throws Exception {
        Gson gson = new Gson();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        String line;
        while ((line = lines.readLine()) != null) {
            Call call = gson.fromJson(line, Call.class);
            Client client = clientOf(call);
            ExecutorService threads = Executors.newFixedThreadPool(call.times);
            List<JsonObject> results = new ArrayList<>();
            try {
                List<Callable<JsonObject>> all = Collections.nCopies(call.times, () -> make(client, call));
                for (Future<JsonObject> made : threads.invokeAll(all)) {
                    results.add(made.get());
                }
            } finally {
                threads.shutdown();
            }
            out.println("results " + gson.toJson(results));
        }
    }
}
