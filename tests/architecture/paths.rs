//! Follows a path through modules, imports and re-exports to the file that defines what it names.

use std::collections::HashMap;

use crate::names::{ItemKind, Name, Role, Segments};
use crate::sources::Crate;

/// Longest chain of imports and re-exports that is followed; some lead back to themselves.
const MOST_STEPS: usize = 12;

/// The modules of a crate, inline ones too.
pub(crate) struct Modules<'a> {
    of: &'a Crate,
    modules: HashMap<Segments, Module<'a>>,
}

#[derive(Default)]
struct Module<'a> {
    /// What is defined here, without modules.
    items: HashMap<&'a str, Item<'a>>,
    /// What `use` brings in.
    imports: Vec<&'a Name>,
    /// Only compiled for tests.
    test: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) name: &'a str,
    /// The path of the file that defines the item.
    pub(crate) file: &'a str,
    pub(crate) is_trait: bool,
}

/// What a path names.
enum Target<'a> {
    Module(Segments),
    Item(Item<'a>),
}

impl<'a> Modules<'a> {
    pub(crate) fn of(of: &'a Crate) -> Self {
        let mut modules: HashMap<Segments, Module> = HashMap::new();
        for source in &of.sources {
            modules.entry(source.module.clone()).or_default();
            for item in &source.contents.items {
                if item.kind == ItemKind::Module {
                    let path = joined(&item.module, [&item.name]);
                    modules.entry(path).or_default().test |= item.test;
                    continue;
                }
                let is_trait = item.kind == ItemKind::Trait;
                let found = Item { name: &item.name, file: &source.path, is_trait };
                modules.entry(item.module.clone()).or_default().items.insert(&item.name, found);
            }
            for name in source.contents.names.iter().filter(|name| name.role != Role::Use) {
                modules.entry(name.module.clone()).or_default().imports.push(name);
            }
        }
        Self { of, modules }
    }

    /// Whether a name is compiled for tests only, by itself or with a module that it is in.
    pub(crate) fn is_test(&self, name: &Name) -> bool {
        let is_test = |length| {
            self.modules.get(&name.module[..length]).is_some_and(|module: &Module| module.test)
        };
        name.test || (0..=name.module.len()).any(is_test)
    }

    /// The item that a path names. None: it is not of this crate, or a module.
    ///
    /// A variable counts as the item of its name, if the module has one.
    pub(crate) fn item(&self, name: &Name) -> Option<Item<'a>> {
        match self.follow(&name.module, &name.path, MOST_STEPS)? {
            Target::Module(_) => None,
            Target::Item(item) => Some(item),
        }
    }

    fn follow(&self, from: &[String], path: &[String], steps: usize) -> Option<Target<'a>> {
        let steps = steps.checked_sub(1)?;
        let (mut module, mut rest) = (from.to_vec(), path);
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "self" => {}
                "super" => drop(module.pop()?),
                name if name == "crate" || name == self.of.name => module.clear(),
                _ => break,
            }
            rest = others;
        }
        let Some((first, others)) = rest.split_first() else { return Some(Target::Module(module)) };
        let scope = self.modules.get(&module)?;
        let child = joined(&module, [first]);
        let is_module = self.modules.contains_key(&child);
        // A module and a function may share a name; what has more behind it is the module.
        if is_module && !others.is_empty() {
            return self.inside(&child, others, steps);
        }
        if let Some(item) = scope.items.get(first.as_str()) {
            return Some(Target::Item(*item));
        }
        let imported = scope.imports.iter().find_map(|import| match &import.role {
            Role::Import { alias, .. } if alias == first => {
                self.follow(&module, &joined(&import.path, others), steps)
            }
            _ => None,
        });
        if imported.is_some() || is_module {
            return imported.or(Some(Target::Module(child)));
        }
        let mut globs = scope.imports.iter().filter(|import| import.role == Role::Glob);
        globs.find_map(|glob| match self.follow(&module, &glob.path, steps)? {
            Target::Module(module) => self.inside(&module, rest, steps),
            Target::Item(_) => None,
        })
    }

    /// Follows what is left of a path, inside the module that its beginning names.
    fn inside(&self, module: &[String], rest: &[String], steps: usize) -> Option<Target<'a>> {
        self.follow(module, &joined(&["self".to_owned()], rest), steps)
    }
}

fn joined<'s>(before: &'s [String], after: impl IntoIterator<Item = &'s String>) -> Segments {
    before.iter().chain(after).cloned().collect()
}
