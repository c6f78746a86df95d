//! What the OpenAPI document says beside the handlers: the API as a whole, its keys, and the problems that
//! each operation may answer, which come from the one table of problems.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Ref, RefOr, Required, Response, ResponseBuilder, ServerBuilder,
};
use utoipa::{Modify, OpenApi};

use crate::api::docs::problems::examples::{EXAMPLE_FORWARD, examples};
use crate::api::docs::problems::routes as problems;
use crate::api::docs::swagger_ui;
use crate::api::language::Language;
use crate::api::openapi::chinese::in_chinese;
use crate::api::openapi::headers;
use crate::api::openapi::routes::{Kind, kind_of, may_come};
use crate::api::problems::body::ProblemBody;
use crate::api::public_url::PublicUrl;
use crate::api::v1::{broadcasts, events, forward, merge_forward, thread_forward};
use crate::model::problem_kind::{Facts, ProblemKind};
use crate::model::receiver::ReceiveIdType;

/// The OpenAPI document of a gateway that callers reach at `public_url`, with texts in this language. Without a
/// public URL it is the document under review in `openapi/`.
#[must_use]
pub fn openapi_json(language: Language, public_url: &PublicUrl) -> String {
    let mut document = without_problems(public_url);
    for (path, item) in &mut document.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            add_answers(operation, path, language, public_url);
        }
    }
    let json = match language {
        Language::English => serde_json::to_string_pretty(&document),
        Language::Chinese => serde_json::to_string_pretty(&in_chinese(&document)),
    };
    json.expect("the document is made of strings") + "\n"
}

/// The document in English, without the answers that are problems: those have their texts from the table of
/// problems, in both languages.
pub(super) fn without_problems(public_url: &PublicUrl) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.servers = Some(vec![
        ServerBuilder::new().url(public_url.server()).description(Some("This gateway")).build(),
    ]);
    headers::describe(document.components.get_or_insert_default());
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "feishu-forward-gateway",
        description = "Forwards Feishu (Lark) messages for internal services.\n\n\
            Send one request with your API key. The gateway\n\n\
            - keeps the app secret, and gets the tenant token;\n\
            - keeps to Feishu's rate limits: 5 messages per second to one receiver, 50 calls per second and \
            1000 per minute for an app;\n\
            - queues your request until its turn comes, and retries where a retry is safe.\n\n\
            The answer is the new message, or a problem. A problem says whether the message was delivered \
            (`outcome`), who can remove the cause (`fix_by`) and how (`remedy`).\n\n\
            To try it: click **Authorize**, enter your API key, and open `POST /v1/messages/{message_id}/forward`.",
        contact(name = "The operator of this gateway"),
        license(name = "Apache-2.0", url = "https://www.apache.org/licenses/LICENSE-2.0"),
    ),
    tags(
        (name = "messages", description = "Forward messages and threads to one receiver."),
        (name = "broadcasts", description = "Forward one message to many receivers."),
        (name = "events", description = "What Feishu pushes to store apps."),
        (name = "problems", description = "Every error, and what to do about it."),
        (name = "documentation", description = "This API document."),
    ),
    paths(forward::forward, merge_forward::merge_forward, thread_forward::thread_forward, broadcasts::create, broadcasts::list,
        broadcasts::get, broadcasts::receivers, broadcasts::events, broadcasts::cancel, broadcasts::retry, events::take, problems::list, problems::one, swagger_ui::openapi),
    components(schemas(ProblemBody, ReceiveIdType)),
    modifiers(&SecuritySchemes),
)]
struct Document;

/// The two headers that an API key can be sent in.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let header = ApiKeyValue::with_description(
            "X-API-Key",
            "Your API key. The operator of the gateway makes one with `keys new`.",
        );
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The same API key, as a bearer token."))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

const EXAMPLE_MESSAGE: &str = "om_dc13264520392913993dd051dba21dcf";
const EXAMPLE_BROADCAST: &str = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516";

/// Adds a response for each status of the operation's problems, with an example of each problem, and to each
/// response its headers.
fn add_answers(operation: &mut Operation, path: &str, language: Language, public_url: &PublicUrl) {
    let kind = kind_of(path);
    let instance = match path {
        _ if kind.is_forward() => EXAMPLE_FORWARD.to_owned(),
        path => path
            .replace("{message_id}", EXAMPLE_MESSAGE)
            .replace("{id}", EXAMPLE_BROADCAST)
            .replace("{app}", "main"),
    };
    if kind == Kind::Retry
        && let Some(RefOr::T(body)) = &mut operation.request_body
    {
        body.required = Some(Required::False);
    }
    let responses = &mut operation.responses.responses;
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for problem in ProblemKind::ALL.iter().filter(|it| may_come(**it, kind)) {
        by_status.entry(problem.facts().status).or_default().push(*problem);
    }
    for (status, problems) in by_status {
        let response = problem_response(&problems, &instance, language, public_url);
        responses.insert(status.to_string(), response.into());
    }
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response {
            headers::name_in(response, status, kind.is_forward());
        }
    }
}

fn problem_response(
    kinds: &[ProblemKind],
    instance: &str,
    language: Language,
    public_url: &PublicUrl,
) -> Response {
    let root = public_url.root_from_docs();
    let bullet = if kinds.len() > 1 { "- " } else { "" };
    let line = |kind: &ProblemKind| {
        let Facts { name, title, title_zh, .. } = kind.facts();
        match language {
            Language::English => format!("{bullet}[`{name}`]({root}/problems/{name}): {title}."),
            Language::Chinese => {
                format!("{bullet}[`{name}`]({root}/problems/{name}?lang=zh)：{title_zh}。")
            }
        }
    };
    let examples = kinds.iter().flat_map(|kind| examples(*kind)).map(|example| {
        let body = example.body(instance, language, public_url);
        let value = serde_json::to_value(&body).ok();
        let built = ExampleBuilder::new().summary(body.title).value(value).build();
        (example.name, built)
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
