//! The search for problems: by Feishu's codes, the gateway's codes, or words.

use std::sync::LazyLock;

use crate::feishu::codes::{self, CODES, Code};
use crate::model::problem_kind::ProblemKind;

/// What may stand around a term that somebody pasted.
const PUNCTUATION: &str = ",，.。;；:：'\"“”()（）[]{}<>=";
/// Fewest digits of a code of Feishu's inside other text. Its shorter ones are found alone.
const FEWEST_DIGITS: usize = 5;

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
    /// What this text looks for.
    pub(crate) fn of(text: String) -> Self {
        let terms =
            text.split_whitespace().map(|term| term.trim_matches(|it| PUNCTUATION.contains(it)));
        let mut terms: Vec<Term> = terms.filter(|term| !term.is_empty()).map(Term::of).collect();
        // A code says which problem it is; the words beside it were pasted with it.
        if terms.iter().any(Term::is_feishu_code) {
            terms.retain(|term| matches!(term, Term::Number(_)));
        }
        Self { text, terms }
    }

    /// The problems that have all that is looked for.
    pub(crate) fn found(&self) -> Vec<ProblemKind> {
        let has_all = |kind, text: &str| self.terms.iter().all(|term| term.is_of(kind, text));
        let found = TEXTS.iter().filter(|(kind, text)| has_all(*kind, text));
        found.map(|(kind, _)| *kind).collect()
    }

    /// The codes of Feishu's that are looked for, with what is known of them.
    pub(crate) fn feishu_codes(&self) -> impl Iterator<Item = (i64, Option<&'static Code>)> {
        self.terms.iter().filter_map(|term| match term {
            Term::Number(number) if term.is_feishu_code() => Some((*number, codes::find(*number))),
            _ => None,
        })
    }
}

/// What is said of each problem, in small letters: all that words are looked for in.
static TEXTS: LazyLock<Vec<(ProblemKind, String)>> = LazyLock::new(|| {
    let text = |kind: ProblemKind| {
        let facts = kind.facts();
        let own = [facts.name, facts.title, facts.title_zh, facts.remedy.en, facts.remedy.zh];
        let codes = CODES.iter().filter(|code| code.problem == kind);
        let of_codes = codes.flat_map(|it| [it.msg, it.remedy.en, it.remedy.zh]);
        own.into_iter().chain(of_codes).collect::<Vec<_>>().join("\n").to_lowercase()
    };
    ProblemKind::ALL.iter().map(|kind| (*kind, text(*kind))).collect()
});

impl Term {
    fn of(term: &str) -> Self {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let parts = term.split(|letter| !is_word(letter));
        let is_code =
            |part: &&str| part.len() >= FEWEST_DIGITS && part.bytes().all(|it| it.is_ascii_digit());
        let number = term.parse().ok();
        match number.or_else(|| parts.into_iter().find(is_code)?.parse().ok()) {
            Some(number) => Self::Number(number),
            None => Self::Word(term.to_lowercase()),
        }
    }

    fn is_feishu_code(&self) -> bool {
        matches!(self, Self::Number(number) if !is_status(*number))
    }

    fn is_of(&self, kind: ProblemKind, text: &str) -> bool {
        match self {
            Self::Number(number) if is_status(*number) => *number == i64::from(kind.facts().status),
            // A code that the gateway does not know is answered as feishu_error.
            Self::Number(number) => {
                codes::find(*number).map_or(ProblemKind::FeishuError, |it| it.problem) == kind
            }
            Self::Word(word) => text.contains(word),
        }
    }
}

/// Whether a problem has this HTTP status.
fn is_status(number: i64) -> bool {
    ProblemKind::ALL.iter().any(|kind| i64::from(kind.facts().status) == number)
}
