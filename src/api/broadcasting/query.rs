//! The queries of the routes of broadcasts.

use crate::api::input::mistakes::{Mistakes, more_than_once};
use crate::api::input::query::{decode, flag, not_utf_8, parameters, without_a_name};
use crate::api::problems::problem::InvalidField;
use crate::api::sanitize;
use crate::broadcasts::ReceiverState;
use crate::model::broadcast_id::BroadcastId;
use crate::model::wording::Wording;

/// The query of a page of broadcasts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    /// The last broadcast of the page before.
    pub(crate) before: Option<BroadcastId>,
    pub(crate) limit: u32,
}

/// The query of a page of receivers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReceiversQuery {
    /// At least one.
    pub(crate) states: Vec<ReceiverState>,
    /// The place that the page begins at.
    pub(crate) from: u32,
    pub(crate) limit: u32,
}

const MOST_BROADCASTS: u32 = 100;
const MOST_RECEIVERS: u32 = 1000;

/// Reads the query of a list of broadcasts.
pub(crate) fn list(query: &str) -> Result<ListQuery, Vec<InvalidField>> {
    let mut mistakes = Mistakes::default();
    let mut parsed = ListQuery { before: None, limit: 20 };
    read(query, &["cursor", "limit"], &mut mistakes, |name, value, mistakes| {
        if name == "cursor" {
            let before = value.and_then(BroadcastId::parse).ok_or_else(not_a_cursor);
            parsed.before = mistakes.keep(name, before);
        } else {
            let limit = mistakes.keep(name, limit(value, MOST_BROADCASTS));
            parsed.limit = limit.unwrap_or(parsed.limit);
        }
    });
    finish(parsed, mistakes)
}

/// Reads the query of a list of receivers. A list that is to be whole (`is_whole`) has no pages.
pub(crate) fn receivers(query: &str, is_whole: bool) -> Result<ReceiversQuery, Vec<InvalidField>> {
    let mut mistakes = Mistakes::default();
    let mut parsed = ReceiversQuery { states: Vec::new(), from: 0, limit: 100 };
    let known: &[&str] = if is_whole { &["outcome"] } else { &["outcome", "cursor", "limit"] };
    read(query, known, &mut mistakes, |name, value, mistakes| match name {
        "outcome" => {
            for name in value.unwrap_or_default().split(',') {
                match ReceiverState::parse(name) {
                    Some(state) if parsed.states.contains(&state) => {}
                    Some(state) => parsed.states.push(state),
                    None => mistakes.add("outcome", not_one_of(&ReceiverState::ALL)),
                }
            }
        }
        "cursor" => {
            parsed.from = mistakes.keep(name, number(value).ok_or_else(not_a_cursor)).unwrap_or(0);
        }
        _ => {
            let limit = mistakes.keep(name, limit(value, MOST_RECEIVERS));
            parsed.limit = limit.unwrap_or(parsed.limit);
        }
    });
    if parsed.states.is_empty() {
        parsed.states.extend(ReceiverState::ALL);
    }
    finish(parsed, mistakes)
}

/// Reads the query of a route that takes none.
pub(crate) fn nothing(query: &str) -> Result<(), Vec<InvalidField>> {
    let mut mistakes = Mistakes::default();
    add_mistakes(query, &mut mistakes);
    finish((), mistakes)
}

/// Adds each parameter of a route that takes none to the mistakes.
pub(super) fn add_mistakes(query: &str, mistakes: &mut Mistakes) {
    read(query, &[], mistakes, |_, _, _| {});
}

/// Reads whether a request for a broadcast is a dry run.
pub(super) fn is_dry_run(query: &str, mistakes: &mut Mistakes) -> bool {
    let mut is_dry_run = false;
    read(query, &["dry_run"], mistakes, |name, value, mistakes| {
        is_dry_run = mistakes.keep(name, flag(value)).unwrap_or_default();
    });
    is_dry_run
}

/// The mistake of a name that is none of these states'.
pub(super) fn not_one_of(states: &[ReceiverState]) -> Wording {
    let names: Vec<&str> = states.iter().map(|it| it.as_str()).collect();
    Wording::new(
        format!("must be one of {}", names.join(", ")),
        format!("必须是 {} 之一", names.join("、")),
    )
}

/// Calls `each` with each parameter's name and value. A parameter that is not `known` is a mistake, and so is one that
/// is there twice, but for `outcome`.
fn read(
    query: &str,
    known: &[&'static str],
    mistakes: &mut Mistakes,
    mut each: impl FnMut(&'static str, Option<&str>, &mut Mistakes),
) {
    let mut seen = Vec::new();
    for (name, value) in parameters(query) {
        if name.is_empty() {
            mistakes.add("query", without_a_name());
            continue;
        }
        let Some(name) = known.iter().copied().find(|it| *it == name) else {
            mistakes.add(sanitize::name(&name), unknown(known));
            continue;
        };
        if seen.contains(&name) && name != "outcome" {
            mistakes.add(name, more_than_once());
            continue;
        }
        seen.push(name);
        match value.map(decode) {
            None => each(name, None, mistakes),
            Some(Some(value)) => each(name, Some(&value), mistakes),
            Some(None) => mistakes.add(name, not_utf_8()),
        }
    }
}

fn finish<T>(parsed: T, mistakes: Mistakes) -> Result<T, Vec<InvalidField>> {
    if mistakes.none_so_far() { Ok(parsed) } else { Err(mistakes.into_fields()) }
}

fn number(text: Option<&str>) -> Option<u32> {
    let text = text?;
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn limit(text: Option<&str>, most: u32) -> Result<u32, Wording> {
    number(text).filter(|it| (1..=most).contains(it)).ok_or_else(|| {
        Wording::new(
            format!("must be a number from 1 to {most}"),
            format!("必须是 1 到 {most} 之间的整数"),
        )
    })
}

fn not_a_cursor() -> Wording {
    Wording::new("must be the next_cursor of the previous page", "必须是上一页的 next_cursor")
}

fn unknown(known: &[&str]) -> Wording {
    if known.is_empty() {
        return Wording::new(
            "is not a query parameter; this route has none",
            "不是查询参数；该接口没有查询参数",
        );
    }
    Wording::new(
        format!("is not a query parameter; known parameters: {}", known.join(", ")),
        format!("不是查询参数；可用参数：{}", known.join("、")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<T: std::fmt::Debug>(result: Result<T, Vec<InvalidField>>) -> Vec<String> {
        result.expect_err("a mistake").into_iter().map(|it| it.field).collect()
    }

    #[test]
    fn outcomes_may_stand_in_one_parameter_or_in_several() {
        let one = receivers("outcome=expired,unknown&limit=7", false);
        let states = vec![ReceiverState::Expired, ReceiverState::Unknown];
        assert_eq!(one, Ok(ReceiversQuery { states, from: 0, limit: 7 }));
        assert_eq!(one, receivers("outcome=expired&limit=7&outcome=unknown%2Cexpired", false));
        let all = receivers("", false).expect("no mistake");
        assert_eq!(all.states, ReceiverState::ALL);
    }

    #[test]
    fn every_mistake_in_a_query_is_found() {
        let query = "outcome=sent&limit=1001&cursor=x&page=2&cursor=1";
        let fields = ["outcome", "limit", "cursor", "page", "cursor"];
        assert_eq!(wrong(receivers(query, false)), fields);
        assert_eq!(wrong(list("limit=0&cursor=bc_1&dry_run")), ["limit", "cursor", "dry_run"]);
        assert_eq!(wrong(nothing("limit=1")), ["limit"]);
        assert_eq!(wrong(receivers("cursor=1", true)), ["cursor"]);
    }

    #[test]
    fn a_dry_run_is_asked_for_as_with_a_forward() {
        for (query, expected) in
            [("", false), ("dry_run", true), ("dry_run=1", true), ("dry_run=false", false)]
        {
            let mut mistakes = Mistakes::default();
            assert_eq!(is_dry_run(query, &mut mistakes), expected, "{query}");
            assert!(mistakes.none_so_far(), "{query}");
        }
        let mut mistakes = Mistakes::default();
        is_dry_run("dry_run=", &mut mistakes);
        assert!(!mistakes.none_so_far());
    }
}
