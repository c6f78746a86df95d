//! The search for problems: by Feishu's codes, the gateway's codes, or words.

use actix_web::HttpRequest;

use crate::api::docs::reader::parameter;
use crate::feishu::codes::{self, CODES, Code};
use crate::model::problem_kind::ProblemKind;

/// Most characters of a search that count.
pub(crate) const LONGEST: usize = 100;

/// What a reader looks for.
pub(crate) struct Search {
    /// What the reader wrote. Empty if the reader looks for nothing.
    pub(crate) text: String,
    terms: Vec<Term>,
}

enum Term {
    /// In small letters.
    Word(String),
    /// A code of Feishu's or an HTTP status.
    Number(i64),
}

impl Search {
    /// What the parameter `q` of a request looks for.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let text = parameter(request, "q").unwrap_or_default();
        let text: String = text.trim().chars().take(LONGEST).collect();
        let terms = text.split_whitespace().map(|term| match term.parse() {
            Ok(number) => Term::Number(number),
            Err(_) => Term::Word(term.to_lowercase()),
        });
        Self { terms: terms.collect(), text }
    }

    /// The problems that have all that is looked for.
    pub(crate) fn found(&self) -> Vec<ProblemKind> {
        let has_all = |kind: &ProblemKind| self.terms.iter().all(|term| term.is_of(*kind));
        ProblemKind::ALL.iter().copied().filter(has_all).collect()
    }

    /// The codes of Feishu's that are looked for, with what is known of them.
    pub(crate) fn feishu_codes(&self) -> impl Iterator<Item = (i64, Option<&'static Code>)> {
        self.terms.iter().filter_map(|term| match term {
            Term::Number(number) if !is_status(*number) => Some((*number, codes::find(*number))),
            _ => None,
        })
    }
}

impl Term {
    fn is_of(&self, kind: ProblemKind) -> bool {
        let facts = kind.facts();
        match self {
            Self::Number(number) if is_status(*number) => *number == i64::from(facts.status),
            Self::Number(number) => {
                // This is how the gateway reports a code that it does not know.
                let problem =
                    codes::find(*number).map_or(ProblemKind::FeishuError, |it| it.problem);
                problem == kind
            }
            Self::Word(word) => {
                let own =
                    [facts.name, facts.title, facts.title_zh, facts.remedy.en, facts.remedy.zh];
                let codes = CODES.iter().filter(|code| code.problem == kind);
                let of_codes = codes.flat_map(|it| [it.msg, it.remedy.en, it.remedy.zh]);
                own.into_iter().chain(of_codes).any(|text| text.to_lowercase().contains(word))
            }
        }
    }
}

/// Whether a problem has this HTTP status.
fn is_status(number: i64) -> bool {
    ProblemKind::ALL.iter().any(|kind| i64::from(kind.facts().status) == number)
}
