//! The shape of the sources: imports only go down, files stay short, one place makes HTTP errors.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

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
            "delivery",
            "limits",
            "feishu",
            "store",
            "model",
            "telemetry",
            "clock",
            "tls",
        ],
    ),
    ("fuzz", &["config", "api", "feishu", "model"]),
    (
        "app",
        &["config", "api", "delivery", "limits", "feishu", "store", "model", "telemetry", "clock"],
    ),
    ("config", &["model", "telemetry", "clock", "tls"]),
    ("api", &["delivery", "limits", "feishu", "model", "telemetry", "clock"]),
    ("delivery", &["limits", "feishu", "store", "model", "telemetry", "clock"]),
    ("limits", &["store", "model", "telemetry", "clock"]),
    ("feishu", &["store", "model", "telemetry", "clock", "tls"]),
    ("store", &["model", "telemetry", "clock", "tls"]),
    ("telemetry", &["model", "clock"]),
    ("model", &[]),
    ("clock", &[]),
    ("tls", &[]),
];

/// Longest that a file may be, in lines: a few screens.
const LONGEST: usize = 300;
/// Files that are longer, and why.
const LONGER: &[(&str, &str)] = &[
    ("api/problems/forward_failure.rs", "one table, with one entry for each failure of a forward"),
    ("model/problem_kind/table.rs", "one table, with one entry for each problem of the API"),
];

struct Source {
    /// Path below `src`.
    path: String,
    text: String,
}

impl Source {
    /// The module at the top of the crate that it belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Its lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let without_comment = |line: &'_ str| line.find("//").unwrap_or(line.len());
        (1..)
            .zip(self.text.lines())
            .map(move |(number, line)| (number, &line[..without_comment(line)]))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources): (Vec<PathBuf>, Vec<Source>) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).expect("a path below src");
                let text = fs::read_to_string(&path).expect("a source");
                let path = below.to_str().expect("UTF-8").replace('\\', "/");
                sources.push(Source { path, text });
            }
        }
    }
    assert!(sources.len() > 20, "the sources are somewhere else");
    sources
}

/// The modules at the top of the crate that a source names, with the lines where it does.
fn imports(source: &Source) -> Vec<(usize, String)> {
    // The lines' ends stay, so that a list over several lines can be followed.
    let code: Vec<(usize, char)> = source
        .code()
        .flat_map(|(number, line)| line.chars().chain(['\n']).map(move |c| (number, c)))
        .collect();
    let text: String = code.iter().map(|(_, c)| *c).collect();
    // The program is another crate than the library.
    let root = if source.module() == "main" { "feishu_forward_gateway::" } else { "crate::" };
    let mut found = Vec::new();
    for (at, _) in text.match_indices(root) {
        let line = code[text[..at].chars().count()].0;
        let rest = &text[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list).into_iter().map(|name| (line, name))),
            None => found.push((line, name(rest))),
        }
    }
    found
}

/// The identifier at the beginning of a text.
fn name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What each item of a list in braces begins with; the text begins behind the opening brace.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            c => items.last_mut().expect("one at least").push(c),
        }
    }
    items.iter().map(|item| name(item.trim_start())).filter(|name| !name.is_empty()).collect()
}

fn may_import(module: &str) -> Option<&'static [&'static str]> {
    MAY_IMPORT.iter().find(|(name, _)| *name == module).map(|(_, below)| *below)
}

#[test]
fn imports_only_go_down() {
    let (mut broken, mut seen) = (String::new(), 0);
    for source in sources().iter().filter(|source| source.module() != "lib") {
        let Some(below) = may_import(source.module()) else {
            let _ = writeln!(
                broken,
                "src/{}: a new module; give it a place in MAY_IMPORT",
                source.path
            );
            continue;
        };
        for (line, imported) in imports(source) {
            seen += 1;
            if imported != source.module() && !below.contains(&imported.as_str()) {
                let rule = format!("{} may import {}", source.module(), or_nothing(below));
                let _ =
                    writeln!(broken, "src/{}:{line}: imports {imported}, but {rule}", source.path);
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were found: the scan is blind");
    assert!(broken.is_empty(), "\n{broken}");
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
    for source in sources() {
        let depth = source.path.matches('/').count();
        let climbs = if depth == 0 { "super::" } else { "super::super::" };
        for (line, code) in source.code() {
            for (at, _) in code.match_indices(climbs) {
                let imported = name(&code[at + climbs.len()..]);
                if may_import(&imported).is_some() && imported != source.module() {
                    let _ = writeln!(broken, "src/{}:{line}: say crate::{imported}", source.path);
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn files_are_short() {
    let mut broken = String::new();
    let sources = sources();
    let is_listed = |path: &str| LONGER.iter().any(|(longer, _)| *longer == path);
    for Source { path, text } in &sources {
        let lines = text.lines().count();
        if lines > LONGEST && !is_listed(path) {
            let _ = writeln!(broken, "src/{path}: {lines} lines; {LONGEST} are the most");
        }
        if lines <= LONGEST && is_listed(path) {
            let _ = writeln!(broken, "src/{path}: is short now; take it out of LONGER");
        }
    }
    for (path, _) in LONGER {
        assert!(sources.iter().any(|source| source.path == *path), "src/{path} is gone");
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn one_file_alone_turns_errors_into_answers() {
    let implement: Vec<String> = sources()
        .into_iter()
        .filter(|source| source.code().any(|(_, line)| line.contains("ResponseError for")))
        .map(|source| source.path)
        .collect();
    assert_eq!(implement, ["api/problems/problem.rs"]);
}

#[test]
fn the_scan_sees_each_form_of_an_import() {
    let text = "use crate::api::x;\nuse crate::{\n    config,\n    clock::{A, B}, // crate::app\n};\n\
        fn f() { crate::cli::main() } // crate::delivery\n";
    let source = Source { path: "model/x.rs".into(), text: text.into() };
    let found = imports(&source);
    let expected = [(1, "api"), (2, "config"), (2, "clock"), (6, "cli")];
    assert_eq!(found, expected.map(|(line, name)| (line, name.to_owned())));
}
