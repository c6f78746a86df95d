//! The headers of answers, described once and referred to by each response.

use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr, Response};

/// A header of the API's answers.
struct AnswerHeader {
    name: &'static str,
    description: &'static str,
    schema: fn() -> ObjectBuilder,
    example: fn() -> Value,
    comes: Comes,
}

/// The answers that a header comes with.
enum Comes {
    Always,
    WithProblems,
    With(&'static [&'static str]),
    /// With the answers to a forward, except for those that are given before the limits are looked at.
    AfterTheLimiter,
}

const BEFORE_THE_LIMITER: &[&str] = &["202", "401", "408", "413", "415", "500"];

const HEADERS: &[AnswerHeader] = &[
    AnswerHeader {
        name: "X-Request-Id",
        description: "The id of this request in the gateway's log: the one that you sent, or a new one.",
        schema: || text().min_length(Some(1)).max_length(Some(128)).pattern(Some("^[!-~]+$")),
        example: || json!("0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20"),
        comes: Comes::Always,
    },
    AnswerHeader {
        name: "Content-Language",
        description: "The language of the problem: `en` or `zh`.",
        schema: || text().enum_values(Some(["en", "zh"])),
        example: || json!("en"),
        comes: Comes::WithProblems,
    },
    AnswerHeader {
        name: "Vary",
        description: "`Accept-Language`, which selects the language.",
        schema: text,
        example: || json!("Accept-Language"),
        comes: Comes::WithProblems,
    },
    AnswerHeader {
        name: "WWW-Authenticate",
        description: "How to send an API key, and what is wrong with the one in the request (RFC 6750).",
        schema: text,
        example: || json!("Bearer realm=\"feishu-forward-gateway\""),
        comes: Comes::With(&["401"]),
    },
    AnswerHeader {
        name: "Retry-After",
        description: "Seconds to wait before a retry.",
        schema: || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)),
        example: || json!(1),
        comes: Comes::With(&["429", "503"]),
    },
    AnswerHeader {
        name: "X-Feishu-Log-Id",
        description: "Feishu's log id of the call, for Feishu's support. Absent if Feishu sent none.",
        schema: text,
        example: || json!("202611221530120F2A6D1F5C3B7E9A4D21"),
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "RateLimit-Policy",
        description: "The limits. `receiver`: messages per second to one receiver. `app`: calls per minute of the Feishu app. If your API key has a budget, `caller`: its calls per minute, and `caller_month`: its calls per calendar month (UTC+8).",
        schema: text,
        example: || json!("\"receiver\";q=5;w=1, \"app\";q=1000;w=60, \"caller\";q=100;w=60"),
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "RateLimit",
        description: "What is left (`r`), and the seconds until there is more (`t`): of the limit of the `receiver`, and of your API key's budget (`caller`, `caller_month`).",
        schema: text,
        example: || json!("\"receiver\";r=4;t=2, \"caller\";r=99;t=60"),
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "Server-Timing",
        description: "Time spent, in milliseconds: `wait` for a turn, `token` for the tenant token, `feishu` for the calls to Feishu, and in `total`. `attempts` is the number of calls.",
        schema: text,
        example: || {
            json!(
                "wait;dur=0.064, token;dur=0.220, feishu;dur=1.108, total;dur=1.545, attempts;desc=\"1\""
            )
        },
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "Idempotency-Replayed",
        description: "`true` if this is the answer to another request with the same `Idempotency-Key`.",
        schema: || ObjectBuilder::new().schema_type(Type::Boolean),
        example: || json!(true),
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "Preference-Applied",
        description: "The longest wait that the gateway applied. Absent if `Prefer` did not ask for one.",
        schema: || text().pattern(Some("^wait=[0-9]+$")),
        example: || json!("wait=2"),
        comes: Comes::AfterTheLimiter,
    },
];

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Describes every header among the components.
pub(crate) fn describe(components: &mut Components) {
    let described = HEADERS.iter().map(|header| (header.name.to_owned(), header.described()));
    components.headers.extend(described);
}

/// Adds to a response references to the headers that come with it.
pub(crate) fn name_in(response: &mut Response, status: &str, is_forward: bool) {
    let headers = HEADERS.iter().filter(|header| header.comes_with(status, is_forward));
    response.headers.extend(headers.map(AnswerHeader::named));
}

impl AnswerHeader {
    fn comes_with(&self, status: &str, is_forward: bool) -> bool {
        match self.comes {
            Comes::Always => true,
            Comes::WithProblems => status >= "400",
            Comes::With(statuses) => statuses.contains(&status),
            Comes::AfterTheLimiter => is_forward && !BEFORE_THE_LIMITER.contains(&status),
        }
    }

    fn described(&self) -> RefOr<Header> {
        let schema: Object = (self.schema)().build();
        HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(self.description))
            .example(Some((self.example)()))
            .build()
            .into()
    }

    fn named(&self) -> (String, RefOr<Header>) {
        let reference = Ref::new(format!("#/components/headers/{}", self.name));
        (self.name.to_owned(), RefOr::Ref(reference))
    }
}
