//! The receivers of a broadcast as CSV (RFC 4180), for people with a spreadsheet.

use std::fmt::Write as _;

use crate::api::broadcasting::schema::ReceiverBody;

/// The names of the columns.
pub(super) const HEADER: &str = "receive_id,receive_id_type,outcome,message_id,attempts,ended_at,\
    problem,title,fix_by,retryable,remedy,feishu_code,log_id\r\n";

/// Adds the row of a receiver.
pub(super) fn add_row(csv: &mut String, receiver: &ReceiverBody<'_>) {
    let ReceiverBody {
        receive_id,
        receive_id_type,
        outcome,
        message_id,
        attempts,
        ended_at,
        problem,
    } = receiver;
    let (attempts, ended_at) = (attempts.to_string(), ended_at.map(|it| it.to_string()));
    let problem = problem.as_ref();
    let code = problem.and_then(|it| it.feishu_code).map(|it| it.to_string());
    let cells = [
        Some(*receive_id),
        Some(receive_id_type.as_str()),
        Some(outcome.as_str()),
        *message_id,
        Some(attempts.as_str()),
        ended_at.as_deref(),
        problem.map(|it| it.code.facts().name),
        problem.map(|it| it.title),
        problem.map(|it| it.fix_by.name()),
        problem.map(|it| if it.retryable { "true" } else { "false" }),
        problem.map(|it| it.remedy),
        code.as_deref(),
        problem.and_then(|it| it.log_id),
    ];
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            csv.push(',');
        }
        add_cell(csv, cell.unwrap_or_default());
    }
    csv.push_str("\r\n");
}

fn add_cell(csv: &mut String, text: &str) {
    // A spreadsheet takes a text that begins so for a formula, unless a quotation mark stands before it.
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) {
        let _ = write!(csv, "\"{mark}{}\"", text.replace('"', "\"\""));
    } else {
        let _ = write!(csv, "{mark}{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        for (text, expected) in [
            ("oc_1", "oc_1"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\nb", "\"a\nb\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t1", "'\t1"),
            ("\r1", "\"'\r1\""),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
        ] {
            let mut csv = String::new();
            add_cell(&mut csv, text);
            assert_eq!(csv, expected, "{text:?}");
        }
    }
}
