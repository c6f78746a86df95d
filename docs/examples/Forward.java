import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.regex.Pattern;

/**
 * Forwards a message once. Retries while a retry may help. Needs only the JDK (17).
 *
 * <pre>GATEWAY_URL=http://… GATEWAY_KEY=ffg_… java Forward.java MESSAGE_ID RECEIVE_ID KEY</pre>
 *
 * KEY is your name for this forward, such as order-17. Within an hour, the gateway sends one message for one key.
 * Prints the id of the new message. Exit code: 0 it arrived, 1 it did not or nobody knows, 2 wrong usage.
 */
public class Forward {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] args) throws InterruptedException {
        if (args.length != 3 || System.getenv("GATEWAY_URL") == null || System.getenv("GATEWAY_KEY") == null) {
            System.err.println("usage: GATEWAY_URL=http://… GATEWAY_KEY=ffg_… java Forward.java MESSAGE_ID RECEIVE_ID KEY");
            System.exit(2);
        }
        for (long pause = 1; ; pause *= 2) {
            boolean isLast = pause > 8;
            long wait = pause;
            try {
                HttpResponse<String> answer = attempt(args[0], args[1], args[2]);
                String body = answer.body();
                if (answer.statusCode() == 200) {
                    System.out.println(text(body, "message_id"));
                    return;
                }
                System.err.printf("%s (%s): %s%n", text(body, "code"), text(body, "outcome"), text(body, "detail"));
                if (isLast || !mayBeRepeated(body)) {
                    System.err.printf("fix by %s: %s%n", text(body, "fix_by"), text(body, "remedy"));
                    System.exit(1);
                }
                wait = answer.headers().firstValueAsLong("Retry-After").orElse(pause);
            } catch (IOException error) {
                System.err.println("no answer: " + error);
                if (isLast) {
                    System.exit(1);
                }
            }
            System.err.printf("trying again in %d s%n", wait);
            Thread.sleep(wait * 1000);
        }
    }

    static HttpResponse<String> attempt(String messageId, String receiveId, String key)
            throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder()
                .uri(URI.create(System.getenv("GATEWAY_URL") + "/v1/messages/" + messageId + "/forward"))
                // 30 s is longer than the gateway's own deadline of 15 s.
                .timeout(Duration.ofSeconds(30))
                .header("X-API-Key", System.getenv("GATEWAY_KEY"))
                .header("Idempotency-Key", key)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString("{\"receive_id\": \"" + receiveId + "\"}"))
                .build();
        return CLIENT.send(request, BodyHandlers.ofString());
    }

    /** Says whether a retry may help. It is safe because the key stays the same. */
    static boolean mayBeRepeated(String problem) {
        if (text(problem, "code").equals("too_late_to_repeat")) {
            return false;
        }
        return problem.contains("\"retryable\":true") || text(problem, "outcome").equals("unknown");
    }

    /** Reads a string from a JSON object. The JDK has no JSON parser; in your program use the one that you have. */
    static String text(String json, String name) {
        var member = Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        return member.find() ? member.group(1).replace("\\\"", "\"") : "";
    }
}
