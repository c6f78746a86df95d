//! What there is to say about a kind of problem: the content of its page, and its JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::docs::problems::examples::{EXAMPLE_FORWARD, ProblemExample};
use crate::api::language::Language;
use crate::api::problems::body::ProblemBody;
use crate::api::public_url::PublicUrl;
use crate::feishu::codes::{CODES, Code};
use crate::model::problem_kind::{FixBy, Outcome, ProblemKind};

/// What a problem means and what to do about it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemExplanation<'a> {
    /// What stands in `type` of the problem, and where this explanation is.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bot_not_in_chat")]
    kind: String,
    /// The problem, for programs.
    #[schema(inline = false)]
    pub(crate) code: ProblemKind,
    /// A short summary, in the language of the answer.
    #[schema(example = "The bot is not in the chat")]
    pub(crate) title: &'static str,
    /// The HTTP status.
    #[schema(example = 403, minimum = 400, maximum = 599)]
    status: u16,
    /// What it says about delivery, unless the problem itself says otherwise.
    outcome: Outcome,
    /// Whether the same request may succeed later although nobody acts.
    #[schema(example = false)]
    retryable: bool,
    /// Who can remove the cause.
    fix_by: FixBy,
    /// What to do, in the language of the answer.
    #[schema(example = "Add the app's bot to the chat that receives the message.")]
    pub(crate) remedy: &'static str,
    /// The codes of Feishu's that become this problem.
    pub(crate) feishu_codes: Vec<FeishuCode>,
    /// The problem as it could have happened.
    pub(crate) examples: Vec<ProblemBody<'a>>,
}

/// One of Feishu's result codes.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeishuCode {
    /// Feishu's result code.
    #[schema(example = 230002)]
    pub(crate) code: i64,
    /// Feishu's description of it, where it is documented.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "The bot can not be outside the group.", nullable = false)]
    pub(crate) msg: Option<&'static str>,
    /// What to do, where it is more exact than the problem's own remedy.
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
