//! Which files use which others, and the circles of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::names::Role;
use crate::paths::Modules;
use crate::sources::Crate;

/// For each file and each other file that it uses: what it names there, each with the first line.
pub(crate) type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, usize>>>;

/// What each file uses of others, without what is compiled for tests only.
pub(crate) fn uses(of: &Crate) -> Uses<'_> {
    let (modules, mut uses) = (Modules::of(of), Uses::new());
    for source in &of.sources {
        for name in source.contents.names.iter().filter(|name| !modules.is_test(name)) {
            let Some(item) = modules.item(name) else { continue };
            let counts = match name.role {
                // Behind the `*` of an enum are variants, which are used without another path.
                Role::Use | Role::Glob => true,
                // A trait is used without being named again, by calls of its methods. Whatever else
                // is only imported is for other files.
                Role::Import { private, .. } => private && item.is_trait,
            };
            if counts && item.file != source.path {
                let of_file = uses.entry(source.path.as_str()).or_default();
                of_file.entry(item.file).or_default().entry(item.name).or_insert(name.line);
            }
        }
    }
    uses
}

/// Says of each circle which files are in it, and which lines make it.
///
/// `benches/structure/measure.py` reads it.
pub(crate) fn report(of: &Crate, uses: &Uses) -> String {
    let (mut report, folder) = (String::new(), of.folder);
    for circle in circles(uses) {
        let files: Vec<_> = circle.iter().map(|file| format!("{folder}/{file}")).collect();
        let _ = writeln!(report, "circle of {} files: {}", files.len(), files.join(" "));
        for from in &circle {
            for (to, items) in uses[from].iter().filter(|(to, _)| circle.contains(*to)) {
                let items: Vec<_> =
                    items.iter().map(|(name, line)| format!("{name} (line {line})")).collect();
                let items = items.join(", ");
                let _ = writeln!(report, "  {folder}/{from} uses {folder}/{to}: {items}");
            }
        }
    }
    report
}

/// The largest groups of files in which each one uses each other one, by itself or through others.
fn circles<'a>(uses: &Uses<'a>) -> BTreeSet<Vec<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|file| (*file, reached(file, uses))).collect();
    let leads_back = |from: &str, to: &str| reached.get(to).is_some_and(|back| back.contains(from));
    reached
        .iter()
        .map(|(from, to)| to.iter().copied().filter(|to| leads_back(from, to)).collect())
        .filter(|circle: &Vec<_>| !circle.is_empty())
        .collect()
}

/// The files that a file uses, by itself or through others. A file in a circle reaches itself.
fn reached<'a>(file: &str, uses: &Uses<'a>) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(file) = next.pop() {
        for used in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*used) {
                next.push(used);
            }
        }
    }
    reached
}
