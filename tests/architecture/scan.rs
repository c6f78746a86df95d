//! The scan sees each form of an import, and nothing that is none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::circles;
use crate::names::{Name, Role};
use crate::paths::Modules;
use crate::sources::{Crate, Source};
use crate::{climbed, imports};

/// `a/x.rs` says these, each in another way, to use what `a/y.rs` defines.
const USES: &[&str] = &[
    "use crate::a::y::Y;\nfn f(_: Y) {}",
    "use super::y::Y;\nfn f(_: Y) {}",
    "use super::Y;\nfn f(_: Y) {}",
    "use super::Again;\nfn f(_: Again) {}",
    "use crate::door::Y;\nfn f(_: Y) {}",
    "use super::{\n    w::{self, W},\n    y::{self, Y as Z},\n};\nfn f(_: Z) {}",
    "use super::y;\nfn f(_: y::Y) {}",
    "use super::y::{self as other};\nfn f(_: other::Y) {}",
    "use super::y::*;\nfn f(_: Y) {}",
    "use super::*;\nfn f(_: Y) {}",
    "use super::y::Kind::*;",
    "use super::y::Kind::One;\nfn f() { g(One) }",
    "use super::y::Work as _;",
    "use super::y::MOST;\nfn f(n: u8) -> bool { matches!(n, MOST) }",
    "use super::y::MOST;\nfn f(n: u8) { match n { MOST => {} _ => {} } }",
    "use self::inner::Y;\nmod inner { pub use super::super::y::Y; }\nfn f(_: Y) {}",
    "mod inner { fn f(_: crate::a::Y) {} }",
    "fn f() { use super::y::Y; Y::new() }",
    "fn f() { super::y::Y::new() }",
    "fn f() { g(crate::a::y::y()) }",
    "fn f<T: super::y::Work>() {}",
    "fn f() -> Vec<Option<super::Y>> { g() }",
    "fn f() { assert!(g() == [1, super::y::Y::new()]) }",
    "use super::y::MOST;\nfn f() { g!(\"{x} of {MOST:?}\") }",
    "macro_rules! m { () => { $crate::a::y::Y::new() } }",
    "#[derive(super::y::Y)]\nstruct X;",
    "#[cfg(any(test, unix))]\nfn f(_: super::Y) {}",
    "#[cfg(not(test))]\nfn f(_: super::Y) {}",
    "impl super::Y {}",
    "impl Drop for super::y::Y {}",
];

/// `a/x.rs` says these, and uses nothing of other files.
const USES_NOTHING: &[&str] = &[
    "// use super::y::Y;\n/* crate::a::Y */\n/// [`super::Y`]\nfn f() { g(\"super::y::Y\") }",
    "use super::y;",
    "pub(super) use super::y::Y;",
    "pub(super) use super::y::Work;",
    // For the modules below it.
    "use super::y::Y;\nmod below;",
    "use std::y::Y;\nfn f(_: Y) {}",
    "fn f(_: ::a::y::Y) {}",
    "struct Y;\nfn f(_: Y) {}",
    "use super::x::X;\nstruct X;\nfn f(_: X) {}",
    "fn f(y: X) { y.y() }",
    "#[cfg(test)]\nmod tests { use super::super::y::Y; fn f(_: Y) {} }",
    "#[cfg(all(test, unix))]\nfn f(_: super::y::Y) {}",
    "#[cfg(test)]\nuse super::Y;\nstruct X { #[cfg(test)] y: Y }",
    "struct X { #[cfg(test)] y: super::Y }",
    "fn f() { X { #[cfg(test)] y: super::y::Y::new() } }",
    "fn f() { #[cfg(test)] let y = super::y::Y::new(); }",
    "fn f() { #[cfg(test)] if super::y::y() { return; } }",
    "struct X;\nimpl X { #[cfg(test)] fn f(_: super::Y) {} }",
];

const Y: &str = "pub struct Y;\npub enum Kind { One }\npub trait Work {}\npub const MOST: u8 = 1;\n\
    pub fn y() {}";

fn planted(sources: &[(&str, &str)]) -> Crate {
    let sources = sources.iter().map(|(path, text)| Source::new(path, text)).collect();
    Crate { folder: "planted", name: "planted", sources }
}

/// The compiler complains about what is imported and not used, so the scan must find each use.
#[test]
fn the_scan_finds_a_use_for_each_import() {
    let (mut missed, mut seen) = (String::new(), 0);
    for of in [Crate::gateway(), Crate::simulator()] {
        let (modules, uses) = (Modules::of(&of), circles::uses(&of));
        for source in &of.sources {
            // A module's imports are for the modules below it too.
            let below = of.sources.iter().filter(|file| file.module.starts_with(&source.module));
            let below: Vec<_> = below.filter_map(|file| uses.get(file.path.as_str())).collect();
            let private = |name: &&Name| matches!(name.role, Role::Import { private: true, .. });
            for name in source.contents.names.iter().filter(private) {
                let item = modules.item(name).filter(|item| item.file != source.path);
                let Some(item) = item.filter(|_| !modules.is_test(name)) else { continue };
                seen += 1;
                let of_item = |file: &&BTreeMap<&str, BTreeMap<&str, _>>| {
                    file.get(item.file).is_some_and(|items| items.contains_key(item.name))
                };
                if !below.iter().any(of_item) {
                    let path = &source.path;
                    let _ = writeln!(missed, "{}/{path}:{}: {}", of.folder, name.line, item.name);
                }
            }
        }
    }
    assert!(seen > 500, "only {seen} imports were found: the scan is blind");
    assert!(missed.is_empty(), "imported, but no use is seen:\n{missed}");
}

/// Which files each one uses in a crate with these and a few that do nothing of interest.
fn used(sources: &[(&str, &str)]) -> Vec<String> {
    let around = [
        ("lib.rs", "mod a;\nmod door;\nmod c;"),
        ("a/y.rs", Y),
        ("a/w.rs", "pub struct W;"),
        ("door.rs", "pub use crate::a::Y;"),
    ];
    let of = planted(&[&around[..], sources].concat());
    let uses = circles::uses(&of);
    let edges = |(from, to): (&&str, &BTreeMap<&str, _>)| -> Vec<String> {
        to.keys().map(|to| format!("{from} uses {to}")).collect()
    };
    uses.iter().flat_map(edges).collect()
}

const FACADE: (&str, &str) = ("a/mod.rs", "mod w;\nmod x;\nmod y;\npub use y::{Y, Y as Again};");

#[test]
fn the_scan_sees_each_form_of_a_use() {
    for text in USES {
        assert_eq!(used(&[FACADE, ("a/x.rs", text)]), ["a/x.rs uses a/y.rs"], "{text}");
    }
}

#[test]
fn what_uses_nothing_of_other_files_is_no_use() {
    for text in USES_NOTHING {
        assert!(used(&[FACADE, ("a/x.rs", text)]).is_empty(), "{text}");
    }
    let test = "use super::y::Y;\nfn f(_: Y) {}";
    let facade = ("a/mod.rs", "mod w;\nmod y;\n#[cfg(test)]\nmod x;");
    assert!(used(&[facade, ("a/x.rs", test)]).is_empty());
    assert!(used(&[facade, ("a/x/more.rs", "fn f(_: super::super::y::Y) {}")]).is_empty());
}

#[test]
fn parents_and_children_use_each_other_by_what_they_define() {
    let facade = ("a/mod.rs", "mod y;\npub use y::Y;\npub struct A(Y);");
    assert_eq!(used(&[facade]), ["a/mod.rs uses a/y.rs"]);
    let facade = ("a.rs", "mod x;\nmod y;\nuse y::Y;\nfn f(_: Y) {}\nstruct A;");
    let child = ("a/x.rs", "use super::A;\nfn f(_: A) {}");
    assert_eq!(used(&[facade, child]), ["a.rs uses a/y.rs", "a/x.rs uses a.rs"]);
    let grandchild = ("a/x/z.rs", "use super::super::A;\nfn f(_: A) {}");
    assert_eq!(used(&[facade, grandchild]), ["a.rs uses a/y.rs", "a/x/z.rs uses a.rs"]);
    let program = ("main.rs", "fn main() { planted::a::Y::new() }");
    assert_eq!(used(&[FACADE, program]), ["main.rs uses a/y.rs"]);
}

#[test]
fn a_circle_is_found_with_the_lines_that_make_it() {
    let of = planted(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\nmod e;"),
        ("a.rs", "use crate::b::B;\n\npub struct A(B);"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "use crate::a;\npub struct C(a::A, crate::d::D);\nstruct More(a::A);"),
        // Neither is in the circle: one is used by it, one uses it.
        ("d.rs", "pub struct D;"),
        ("e.rs", "pub struct E(crate::a::A);"),
    ]);
    let expected = "\
        circle of 3 files: planted/a.rs planted/b.rs planted/c.rs\n  \
          planted/a.rs uses planted/b.rs: B (line 3)\n  \
          planted/b.rs uses planted/c.rs: C (line 1)\n  \
          planted/c.rs uses planted/a.rs: A (line 2)\n";
    assert_eq!(circles::report(&of, &circles::uses(&of)), expected);
}

#[test]
fn two_circles_are_two() {
    let of = planted(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a/mod.rs", "mod x;\npub struct A(x::X);"),
        ("a/x.rs", "pub struct X(super::A);"),
        ("b/mod.rs", "mod x;\npub struct B(x::X, crate::a::A);"),
        ("b/x.rs", "pub struct X(super::B);"),
    ]);
    let report = circles::report(&of, &circles::uses(&of));
    assert_eq!(report.matches("circle of 2 files").count(), 2, "{report}");
}

#[test]
fn the_scan_sees_each_form_of_an_import() {
    let text = "use crate::api::x;\nuse crate::{\n    config,\n    clock::{A, B}, // crate::app\n};\n\
        fn f() { crate::cli::main() } // crate::delivery\n#[cfg(test)]\nuse crate::tls::T;\n";
    let of = planted(&[("model/x.rs", text), ("main.rs", "fn main() { planted::cli::main() }")]);
    let found: Vec<_> = imports(&of, &of.sources[0]).collect();
    assert_eq!(
        found,
        [(1, "api"), (3, "config"), (4, "clock"), (4, "clock"), (6, "cli"), (8, "tls")]
    );
    assert!(imports(&of, &of.sources[1]).eq([(1, "cli")]));
}

#[test]
fn the_scan_sees_what_climbs_up() {
    let text = "use super::super::api::x;\nuse super::y;\nfn f() { super::super::cli::main() }\n\
        mod tests { use super::*; use super::super::super::clock; }";
    let source = Source::new("model/x.rs", text);
    let found: Vec<_> = climbed(&source).collect();
    assert_eq!(found, [(1, "api"), (2, "model"), (3, "cli"), (4, "model"), (4, "clock")]);
}
