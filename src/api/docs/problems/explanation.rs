//! What there is to say about a kind of problem: the content of its page, and its JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::docs::problems::examples::{EXAMPLE_FORWARD, ProblemExample};
use crate::api::language::Language;
use crate::api::problems::body::ProblemBody;
use crate::api::public_url::PublicUrl;
use crate::feishu::codes::{CODES, Code};
use crate::model::problem_kind::{FixBy, Outcome, ProblemKind};

/// The explanation of a problem.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemExplanation<'a> {
    /// The `type` of the problem: the address of this explanation.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bot_not_in_chat")]
    kind: String,
    /// The problem code, for programs.
    #[schema(inline = false)]
    pub(crate) code: ProblemKind,
    /// A short summary, in the language of the answer.
    #[schema(example = json!(ProblemKind::BotNotInChat.facts().title))]
    pub(crate) title: &'static str,
    /// The HTTP status.
    #[schema(example = 403, minimum = 400, maximum = 599)]
    status: u16,
    /// What the problem usually says about delivery. The `outcome` in an answer takes precedence.
    outcome: Outcome,
    /// Whether the same request may succeed later although nobody changes anything.
    #[schema(example = false)]
    retryable: bool,
    /// Who can remove the cause.
    fix_by: FixBy,
    /// What to do, in the language of the answer.
    #[schema(example = json!(ProblemKind::BotNotInChat.facts().remedy.en))]
    pub(crate) remedy: &'static str,
    /// Feishu's error codes that become this problem.
    pub(crate) feishu_codes: Vec<FeishuCode>,
    /// Examples of the problem.
    pub(crate) examples: Vec<ProblemBody<'a>>,
}

/// An error code of Feishu's.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeishuCode {
    /// Feishu's error code.
    #[schema(example = 230002)]
    pub(crate) code: i64,
    /// Feishu's description of the code. Absent if Feishu documents none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The bot can not be outside the group.", nullable = false)]
    pub(crate) msg: Option<&'static str>,
    /// What to do about this code. Absent if the `remedy` of the problem says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        example = "Check message_id, receive_id, receive_id_type and uuid; Feishu's message names the field after 'ext='.",
        nullable = false
    )]
    pub(crate) remedy: Option<&'static str>,
}

impl<'a> ProblemExplanation<'a> {
    pub(crate) fn of(
        code: ProblemKind,
        examples: &'a [ProblemExample],
        language: Language,
        public_url: &PublicUrl,
    ) -> Self {
        let facts = code.facts();
        let body =
            |example: &'a ProblemExample| example.body(EXAMPLE_FORWARD, language, public_url);
        let feishu_codes = CODES.iter().filter(|known| known.problem == code);
        Self {
            kind: public_url.type_of(facts.name),
            code,
            title: language.choose(facts.title, facts.title_zh),
            status: facts.status,
            outcome: facts.outcome,
            retryable: facts.retryable,
            fix_by: facts.fix_by,
            remedy: language.choose(facts.remedy.en, facts.remedy.zh),
            feishu_codes: feishu_codes.map(|known| FeishuCode::of(known, language)).collect(),
            examples: examples.iter().map(body).collect(),
        }
    }
}

impl FeishuCode {
    fn of(known: &Code, language: Language) -> Self {
        let is_more_exact = known.remedy != known.problem.facts().remedy;
        Self {
            code: known.code,
            msg: Some(known.msg).filter(|msg| !msg.is_empty()),
            remedy: is_more_exact.then(|| language.choose(known.remedy.en, known.remedy.zh)),
        }
    }
}
