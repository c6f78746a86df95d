//! Plausible cases of each problem, for the OpenAPI document and for the problem's page.

use super::language::Language;
use super::problem::{InvalidField, Problem};
use super::problem_body::ProblemBody;
use crate::feishu::codes::CODES;
use crate::feishu::error::Refusal;
use crate::model::problem_kind::ProblemKind;

const PATH: &str = "/v1/messages/om_dc13264520392913993dd051dba21dcf/forward";
const REQUEST_ID: &str = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20";

/// A problem as it could have happened.
pub(super) struct Sample {
    /// Unique among all samples.
    pub(super) name: String,
    problem: Problem,
}

impl Sample {
    pub(super) fn body(&self, language: Language) -> ProblemBody<'_> {
        ProblemBody::of(&self.problem, PATH, REQUEST_ID, language)
    }
}

/// The cases of a problem: the gateway's own, Feishu's, or both.
pub(super) fn samples(kind: ProblemKind) -> Vec<Sample> {
    let name = kind.facts().name;
    let by_feishu = CODES.iter().find(|code| code.problem == kind).map(|code| {
        let refusal = Refusal {
            code: code.code,
            msg: code.msg.to_owned(),
            log_id: Some("202611221530120F2A6D1F5C3B7E9A4D21".to_owned()),
            http_status: if code.problem == ProblemKind::AppRateLimited { 429 } else { 400 },
            troubleshooter: Some(format!("https://open.feishu.cn/search?query={}", code.code)),
            ..Refusal::default()
        };
        Problem::of_refusal(&refusal)
    });
    let own = match kind {
        ProblemKind::InvalidRequest => {
            Some(Problem::invalid(vec![InvalidField::new("receive_id", "is missing")]))
        }
        ProblemKind::ReceiverRateLimited | ProblemKind::AppRateLimited => Some(Problem::new(
            kind,
            "The next turn is 0.412 s away, longer than this forward may wait; nothing was sent.",
        )),
        _ if by_feishu.is_none() => Some(Problem::new(kind, format!("{}.", kind.facts().title))),
        _ => None,
    };
    let feishu_name = if own.is_some() { format!("{name}_by_feishu") } else { name.to_owned() };
    let own = own.map(|problem| Sample { name: name.to_owned(), problem });
    let by_feishu = by_feishu.map(|problem| Sample { name: feishu_name, problem });
    own.into_iter().chain(by_feishu).collect()
}
