//! What the models assume is tested: the page names tests that exist.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/en/design/models.md");

/// All sources of tests below a folder, in one text.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_source = path.extension().is_some_and(|it| it == "rs" || it == "py");
        if path.is_dir() {
            sources(&path, into);
        } else if is_source {
            into.push_str(&fs::read_to_string(&path).expect("a text"));
        }
    }
}

#[test]
fn each_assumption_of_the_models_names_tests_that_exist() {
    let (root, mut all) = (Path::new(env!("CARGO_MANIFEST_DIR")), String::new());
    for folder in ["src", "tests", "e2e/replicas"] {
        sources(&root.join(folder), &mut all);
    }
    let (_, table) = PAGE.split_once("| assumption |").expect("the table");
    let rows: Vec<&str> = table.lines().filter(|line| line.ends_with("` |")).collect();
    assert!(rows.len() > 10, "only {} rows: the table is not found", rows.len());
    for row in rows {
        let (_, names) = row.trim_end_matches(" |").rsplit_once('|').expect("two cells");
        for name in names.split(',').map(|it| it.trim().trim_matches('`')) {
            let is_there = [format!("fn {name}("), format!("def {name}(")];
            assert!(is_there.iter().any(|it| all.contains(it)), "no test is named {name}");
        }
    }
}
