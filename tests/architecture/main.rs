//! The shape of the sources: imports only go down, no files import each other in a circle, files stay
//! short, one place makes HTTP errors.

mod circles;
mod names;
mod paths;
mod scan;
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::sources::{Crate, Source};

/// Each module at the top of the crate, and those below it that it may import.
///
/// Config is plain data that `app` hands on piece by piece, so nothing that works imports it.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "app",
            "config",
            "api",
            "broadcasts",
            "delivery",
            "queue",
            "limits",
            "feishu",
            "redis",
            "sqlite",
            "model",
            "telemetry",
            "random",
            "clock",
            "tls",
        ],
    ),
    (
        "simulation",
        &[
            "app",
            "broadcasts",
            "delivery",
            "limits",
            "feishu",
            "config",
            "redis",
            "sqlite",
            "model",
            "random",
            "clock",
        ],
    ),
    ("fuzz", &["config", "api", "feishu", "model"]),
    (
        "app",
        &[
            "config",
            "api",
            "broadcasts",
            "delivery",
            "queue",
            "limits",
            "feishu",
            "redis",
            "sqlite",
            "model",
            "telemetry",
            "random",
            "clock",
            "tls",
        ],
    ),
    ("config", &["model", "telemetry", "random", "clock", "tls"]),
    (
        "api",
        &[
            "broadcasts",
            "delivery",
            "queue",
            "limits",
            "feishu",
            "model",
            "telemetry",
            "random",
            "clock",
            "tls",
        ],
    ),
    (
        "broadcasts",
        &[
            "delivery",
            "feishu",
            "limits",
            "queue",
            "redis",
            "sqlite",
            "model",
            "telemetry",
            "random",
            "clock",
            "tls",
        ],
    ),
    (
        "delivery",
        &["queue", "limits", "feishu", "redis", "sqlite", "model", "telemetry", "random", "clock"],
    ),
    ("queue", &["limits", "redis", "model", "telemetry", "random", "clock"]),
    ("limits", &["redis", "model", "random", "clock"]),
    ("feishu", &["redis", "sqlite", "model", "telemetry", "random", "clock", "tls"]),
    ("redis", &["model", "telemetry", "random", "clock", "tls"]),
    ("sqlite", &["model", "telemetry", "random", "clock"]),
    ("telemetry", &["model", "clock", "tls"]),
    ("model", &["random"]),
    ("random", &[]),
    ("clock", &[]),
    ("tls", &[]),
];

/// Longest that a file may be, in lines. A type's methods belong into one file, so it may have eight screens.
const LONGEST: usize = 400;
/// Files that are longer, and why.
const LONGER: &[(&str, &str)] =
    &[("model/problem_kind/table.rs", "one table, with one entry for each problem of the API")];

fn may_import(module: &str) -> Option<&'static [&'static str]> {
    MAY_IMPORT.iter().find(|(name, _)| *name == module).map(|(_, below)| *below)
}

#[test]
fn imports_only_go_down() {
    let (mut broken, mut seen) = (String::new(), 0);
    let gateway = Crate::gateway();
    for source in gateway.sources.iter().filter(|source| source.floor() != "lib") {
        let floor = source.floor();
        let Some(below) = may_import(floor) else {
            let rule = "a new module; give it a place in MAY_IMPORT";
            let _ = writeln!(broken, "src/{}: {rule}", source.path);
            continue;
        };
        for (line, imported) in imports(&gateway, source) {
            seen += 1;
            if imported != floor && !below.contains(&imported) {
                let rule = format!("{floor} may import {}", or_nothing(below));
                let path = &source.path;
                let _ = writeln!(broken, "src/{path}:{line}: imports {imported}, but {rule}");
            }
        }
    }
    assert!(seen > 300, "only {seen} imports were found: the scan is blind");
    assert!(broken.is_empty(), "\n{broken}");
}

/// The modules at the top of the crate that a source names from there, with the lines where it does.
fn imports<'a>(of: &'a Crate, source: &'a Source) -> impl Iterator<Item = (usize, &'a str)> {
    source.contents.names.iter().filter_map(|name| match &name.path[..] {
        [first, top, ..] if first == "crate" || first == of.name => Some((name.line, top.as_str())),
        _ => None,
    })
}

fn or_nothing(below: &[&str]) -> String {
    if below.is_empty() {
        "nothing but itself".into()
    } else {
        format!("only {}", below.join(", "))
    }
}

#[test]
fn nothing_is_imported_by_climbing_up() {
    let mut broken = String::new();
    for source in &Crate::gateway().sources {
        for (line, top) in climbed(source).filter(|(_, top)| *top != source.floor()) {
            let _ = writeln!(broken, "src/{}:{line}: say crate::{top}", source.path);
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

/// The modules at the top of the crate that a source names by `super`, with the lines where it does.
fn climbed(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source.contents.names.iter().filter_map(|name| {
        let climbs = name.path.iter().take_while(|segment| *segment == "super").count();
        let kept = name.module.len().checked_sub(climbs)?;
        let mut absolute = name.module[..kept].iter().chain(&name.path[climbs..]);
        (climbs > 0).then(|| absolute.next()).flatten().map(|top| (name.line, top.as_str()))
    })
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut broken = String::new();
    for (of, least) in [(Crate::gateway(), 400), (Crate::simulator(), 40)] {
        let uses = circles::uses(&of);
        let seen: usize = uses.values().map(BTreeMap::len).sum();
        assert!(seen > least, "only {seen} uses were found: the scan is blind");
        broken += &circles::report(&of, &uses);
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn files_are_short() {
    let mut broken = String::new();
    let gateway = Crate::gateway();
    let is_listed = |path: &str| LONGER.iter().any(|(longer, _)| *longer == path);
    for Source { path, lines, .. } in &gateway.sources {
        if *lines > LONGEST && !is_listed(path) {
            let _ = writeln!(broken, "src/{path}: {lines} lines; {LONGEST} are the most");
        }
        if *lines <= LONGEST && is_listed(path) {
            let _ = writeln!(broken, "src/{path}: is short now; take it out of LONGER");
        }
    }
    for (path, _) in LONGER {
        assert!(gateway.sources.iter().any(|source| source.path == *path), "src/{path} is gone");
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn one_file_alone_turns_errors_into_answers() {
    let gateway = Crate::gateway();
    let implements = |source: &&Source| {
        source.contents.implemented.iter().any(|implemented| implemented == "ResponseError")
    };
    let implement: Vec<_> =
        gateway.sources.iter().filter(implements).map(|source| source.path.as_str()).collect();
    assert_eq!(implement, ["api/problems/problem.rs"]);
}
