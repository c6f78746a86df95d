//! What the OpenAPI document says beyond the handlers: the API as a whole, its keys, its headers
//! and its problems. Every problem comes from the one table of problems.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::language::Language;
use super::samples::samples;
use super::{docs, forward, problem_body, problems};
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::ReceiveIdType;

/// The OpenAPI document as it is kept under review in `openapi/openapi.json`.
#[must_use]
pub fn openapi_json() -> String {
    let mut json = Document::openapi().to_pretty_json().expect("the document is made of strings");
    json.push('\n');
    json
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "feishu-forward-gateway",
        description = "Forwards Feishu (Lark) messages for internal services.\n\n\
            Send one plain request with your API key. The gateway holds the app's secret, keeps to \
            Feishu's limits (5 messages a second to one receiver; 50 calls a second and 1000 a \
            minute for an app), waits for your turn, and answers with the new message, or with a \
            problem that says whether the message went out, who can remove the cause, and how.\n\n\
            Click **Authorize**, enter your key, then try `POST /v1/messages/{message_id}/forward`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This gateway")),
    tags(
        (name = "messages", description = "Forwarding messages."),
        (name = "problems", description = "What can go wrong, and what to do about it."),
        (name = "documentation", description = "What you are reading."),
    ),
    paths(forward::forward, problems::list, problems::one, docs::openapi),
    components(schemas(problem_body::ProblemBody, ReceiveIdType)),
    modifiers(&Keys, &Problems),
)]
struct Document;

/// The two ways to show a key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let header = ApiKeyValue::with_description(
            "X-API-Key",
            "Your API key. An operator makes one with `keys new`.",
        );
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The same API key as a bearer token."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// Adds to the forward one response for each status that a problem has, each problem an example.
struct Problems;

impl Modify for Problems {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let forward = openapi
            .paths
            .paths
            .get_mut("/v1/messages/{message_id}/forward")
            .and_then(|path| path.post.as_mut())
            .expect("the document has the forward");
        let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
        for kind in ProblemKind::ALL.iter().filter(|kind| concerns_forwards(**kind)) {
            by_status.entry(kind.facts().status).or_default().push(*kind);
        }
        for (status, problems) in by_status {
            let response = RefOr::T(problem_response(&problems));
            forward.responses.responses.insert(status.to_string(), response);
        }
        for (status, response) in &mut forward.responses.responses {
            if let RefOr::T(response) = response {
                let headers = HEADERS.iter().filter(|header| header.comes_with(status));
                response.headers.extend(headers.map(AnswerHeader::described));
            }
        }
    }
}

fn concerns_forwards(kind: ProblemKind) -> bool {
    !matches!(kind, ProblemKind::RouteNotFound | ProblemKind::MethodNotAllowed)
}

fn problem_response(kinds: &[ProblemKind]) -> Response {
    let bullet = if kinds.len() > 1 { "- " } else { "" };
    let line = |kind: &ProblemKind| {
        let (name, title) = (kind.facts().name, kind.facts().title);
        format!("{bullet}[`{name}`](/problems/{name}): {title}.")
    };
    let examples = kinds.iter().flat_map(|kind| samples(*kind)).map(|sample| {
        let body = sample.body(Language::English);
        let value = serde_json::to_value(&body).ok();
        let example = ExampleBuilder::new().summary(body.title).value(value).build();
        (sample.name, example)
    });
    let content = ContentBuilder::new()
        .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(kinds.iter().map(line).collect::<Vec<_>>().join("\n"))
        .content("application/problem+json", content)
        .build()
}

/// A header of the forward's answers.
struct AnswerHeader {
    name: &'static str,
    description: &'static str,
    comes: Comes,
}

/// With which answers a header comes.
enum Comes {
    Always,
    With(&'static [&'static str]),
    /// With the answers that are not given before the limiter is asked.
    AfterTheLimiter,
}

const BEFORE_THE_LIMITER: &[&str] = &["401", "408", "413", "415", "500"];

const HEADERS: &[AnswerHeader] = &[
    AnswerHeader {
        name: "X-Request-Id",
        description: "The request's id in the gateway's log: yours if you sent one.",
        comes: Comes::Always,
    },
    AnswerHeader {
        name: "WWW-Authenticate",
        description: "How to show a key.",
        comes: Comes::With(&["401"]),
    },
    AnswerHeader {
        name: "Retry-After",
        description: "Seconds to wait before trying again.",
        comes: Comes::With(&["429", "503"]),
    },
    AnswerHeader {
        name: "X-Feishu-Log-Id",
        description: "The id under which Feishu's support finds the call, where Feishu gave one.",
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "RateLimit-Policy",
        description: "The limits: of the receiver in a second, of the app in a minute.",
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "RateLimit",
        description: "What is left of the receiver's limit, and the seconds until there is more.",
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "Server-Timing",
        description: "Where the time went, in milliseconds, and how often Feishu was asked.",
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "Idempotency-Replayed",
        description: "`true` where this is what another request with the same `Idempotency-Key` was told.",
        comes: Comes::AfterTheLimiter,
    },
    AnswerHeader {
        name: "Preference-Applied",
        description: "The wait that held, where `Prefer` asked for one.",
        comes: Comes::AfterTheLimiter,
    },
];

impl AnswerHeader {
    fn comes_with(&self, status: &str) -> bool {
        match self.comes {
            Comes::Always => true,
            Comes::With(statuses) => statuses.contains(&status),
            Comes::AfterTheLimiter => !BEFORE_THE_LIMITER.contains(&status),
        }
    }

    fn described(&self) -> (String, RefOr<Header>) {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let header =
            HeaderBuilder::new().schema(Some(text)).description(Some(self.description)).build();
        (self.name.to_owned(), header.into())
    }
}
