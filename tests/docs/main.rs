//! The tables of the reference are those of the code, and the Chinese pages are those of the English ones.

mod languages;
mod models;

use std::collections::BTreeSet;

use feishu_forward_gateway::config::{self, DEFAULTS};
use feishu_forward_gateway::feishu::codes::{CODES, Code};
use feishu_forward_gateway::model::problem_kind::{Outcome, ProblemKind};
use feishu_forward_gateway::model::tenant_key::TenantKey;
use feishu_forward_gateway::telemetry::metrics::{
    CallerBudget, Gauges, KeyExpiry, Metrics, OpenCircuits,
};

const PROBLEMS: &str = include_str!("../../docs/en/reference/problems.md");
const METRICS: &str = include_str!("../../docs/en/reference/metrics.md");
const CONFIGURATION: &str = include_str!("../../docs/en/reference/configuration.md");

#[test]
fn the_problem_table_has_each_problem_as_the_code_has_it() {
    for kind in ProblemKind::ALL {
        let facts = kind.facts();
        let outcome = match facts.outcome {
            Outcome::NotDelivered => "no",
            Outcome::Unknown => "unknown",
        };
        let retry = if facts.retryable { "yes" } else { "no" };
        let (name, status, fix_by, title) =
            (facts.name, facts.status, facts.fix_by.name(), facts.title);
        let row = format!("| `{name}` | {status} | {outcome} | {retry} | {fix_by} | {title} |\n");
        assert!(PROBLEMS.contains(&row), "reference/problems.md lacks this row:\n{row}");
    }
}

#[test]
fn the_problem_table_has_no_row_that_the_code_lacks() {
    let rows = PROBLEMS.lines().filter(|line| line.starts_with("| `") && line.contains(" | no | "));
    let rows: Vec<&str> = rows.collect();
    assert!(rows.len() > 20, "only {} rows: the table is not found", rows.len());
    let known: Vec<String> =
        ProblemKind::ALL.iter().map(|kind| format!("| `{}` |", kind.facts().name)).collect();
    for row in rows {
        assert!(
            known.iter().any(|start| row.starts_with(start)),
            "reference/problems.md has this row:\n{row}"
        );
    }
}

#[test]
fn the_table_of_feishus_codes_has_each_code_with_its_problem() {
    let (_, table) = PROBLEMS.split_once("## Feishu's codes").unwrap();
    let mut written = BTreeSet::new();
    for row in table.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, codes, problem, ..] = cells[..] else { continue };
        let codes = codes.split(", ").filter_map(|code| code.parse().ok());
        written.extend(codes.map(|code: i64| (code, problem.trim_matches('`').to_owned())));
    }
    let name = |code: &Code| (code.code, code.problem.facts().name.to_owned());
    assert_eq!(written, CODES.iter().map(name).collect());
}

#[test]
fn the_metrics_table_has_each_metric_of_the_gateways_own() {
    let metrics = Metrics::new();
    metrics.http("", "", "200", "", std::time::Duration::ZERO);
    metrics.mcp_tool_call("", "");
    metrics.upstream("", "", "", std::time::Duration::ZERO);
    metrics.retry("");
    metrics.retry_refused("");
    metrics.idempotency("");
    metrics.limit_decision("", "");
    metrics.unauthorized("", "");
    metrics.caller_waited("", "", std::time::Duration::ZERO, true);
    metrics.caller_refused("", "", "");
    metrics.token_expires_at("", jiff::Timestamp::UNIX_EPOCH);
    metrics.app_ticket_sent_at("", jiff::Timestamp::UNIX_EPOCH);
    metrics.problem(ProblemKind::InvalidRequest);
    metrics.forward("", "", std::time::Duration::ZERO);
    metrics.quota("", 0, 0);
    metrics.keys_file_read_at(jiff::Timestamp::UNIX_EPOCH);
    metrics.begin_state();
    metrics.begin_broadcasts("", &["delivered"]);
    metrics.begin_connections("", 0);
    let budget = CallerBudget {
        caller: "".into(),
        budget: "per_minute",
        used: 0,
        limit: std::num::NonZeroU32::MIN,
    };
    let gauges = Gauges {
        waiting_by_caller: [("".into(), 0)].into(),
        open_circuits: vec![OpenCircuits::default()],
        caller_budgets: vec![budget],
        key_expiries: vec![KeyExpiry {
            caller: "".into(),
            expires_at: jiff::Timestamp::UNIX_EPOCH,
        }],
        tenants: vec![("main", 0)],
        ..Gauges::default()
    };
    metrics.begin_events("main");
    metrics.app_ticket_sent_at("main", jiff::Timestamp::UNIX_EPOCH);
    metrics.tenant_forward("main", &TenantKey::parse("a").unwrap(), "delivered");
    let text = String::from_utf8(metrics.render(&gauges)).unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| name.starts_with("feishu_gateway_"))
        .collect();
    assert_eq!(names.len(), 51, "{names:?}");
    for name in names {
        assert!(
            METRICS.contains(&format!("| `{name}` |")),
            "reference/metrics.md lacks the metric {name}"
        );
    }
}

#[test]
fn the_configuration_table_has_each_key_with_its_default() {
    let environment = [
        ("GATEWAY__APPS__MAIN__APP_ID".to_owned(), "cli_a".to_owned()),
        ("GATEWAY__APPS__MAIN__APP_SECRET".to_owned(), "secret".to_owned()),
        ("GATEWAY__STATE__URL".to_owned(), "redis://localhost".to_owned()),
    ];
    let config = config::load(None, environment).unwrap();
    assert!(DEFAULTS.contains("[server]"));
    let mut compared = 0;
    for line in config.effective.to_string().lines() {
        let Some((key, value)) = line.split_once(" = ") else { continue };
        let value = value.trim_matches('"').trim_end_matches('/');
        if value.is_empty() || ["app_id", "app_secret", "url"].contains(&key) {
            continue;
        }
        let (key, default) = match key.strip_prefix("# ") {
            Some(key) => (key, "none".to_owned()),
            None => (key, format!("`{value}`")),
        };
        let row = CONFIGURATION
            .lines()
            .find(|row| row.starts_with("| `") && row.contains(&format!(".{key}`")));
        let row = row.unwrap_or_else(|| panic!("reference/configuration.md lacks the key {key}"));
        assert!(
            row.contains(&default),
            "reference/configuration.md: {row}, but the default is {value}"
        );
        compared += 1;
    }
    assert!(compared > 30, "only {compared} keys were compared");
}
