//! What was set and nobody asked for.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::Settings;
use crate::config::key::{Key, dotted, nearest};
use crate::config::values::Value;

impl Settings {
    /// What is wrong with a value that was set where nothing is looked for.
    pub(super) fn not_asked(&self, key: &Key, value: &Value) -> Option<String> {
        let is_empty_table = matches!(value, Value::EmptyTable);
        let is_section = self.asked_under(key).next().is_some();
        match key.as_slice() {
            [section] | [section, _] if section == "apps" || section == "keys" => {
                (!is_empty_table).then(|| "must be a table, one for each name".into())
            }
            _ if is_section => (!is_empty_table).then(|| "must be a table".into()),
            _ if self.asked.contains(key) => None,
            _ => Some(self.unknown(key)),
        }
    }

    /// The keys that were asked for in the section `key`, found by their order: a file may set many.
    fn asked_under<'a>(&'a self, key: &'a [String]) -> impl Iterator<Item = &'a Key> {
        let after = (Bound::Excluded(key), Bound::Unbounded);
        self.asked.range::<[String], _>(after).take_while(move |asked| asked.starts_with(key))
    }

    fn unknown(&self, key: &Key) -> String {
        let known = |depth: usize| -> BTreeSet<&str> {
            self.asked_under(&key[..depth]).map(|asked| asked[depth].as_str()).collect()
        };
        let (depth, known) = (0..key.len())
            .rev()
            .map(|depth| (depth, known(depth)))
            .find(|(_, known)| !known.is_empty())
            .unwrap_or_default();
        let whole = |last: &str| {
            let section = key[..depth].iter().map(String::as_str);
            dotted(&section.chain([last]).collect::<Vec<_>>())
        };
        let meant = nearest(&key[depth], known.iter().copied())
            .map(&whole)
            .or_else(|| self.meant_elsewhere(key).map(|it| dotted(it)));
        let known: Vec<String> = known.into_iter().map(&whole).collect();
        let meant = meant.map(|meant| format!("; is {meant} meant?")).unwrap_or_default();
        format!("is not a key; known are {}{meant}", known.join(", "))
    }

    /// The key that has a default and is called like `key`: in another section, or with `_` where
    /// the name of a variable has `__`.
    fn meant_elsewhere(&self, key: &Key) -> Option<&Key> {
        let joined = key.join("_");
        let is_same = |it: &&Key| it.join("_") == joined || it.last() == key.last();
        self.defaults.keys().find(is_same)
    }
}
