//! The language of what a command says.

use clap::ValueEnum;
use serde::Serialize;

use crate::api::Language;
use crate::model::wording::Wording;

/// One of the two languages of all texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tongue {
    En,
    Zh,
}

/// The variables that name the language, the one that wins first (POSIX).
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

impl Tongue {
    /// The language that the environment names.
    pub(super) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let named = VARIABLES.iter().filter_map(|name| variable(name)).find(|it| !it.is_empty());
        match named {
            Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    pub(super) fn pick(self, wording: &Wording) -> &str {
        Language::from(self).of(wording)
    }
}

impl From<Tongue> for Language {
    fn from(tongue: Tongue) -> Self {
        match tongue {
            Tongue::En => Self::English,
            Tongue::Zh => Self::Chinese,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_names_the_language() {
        let of = |set: &[(&str, &str)]| {
            let find = |name: &str| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            Tongue::of_environment(find)
        };
        assert_eq!(of(&[]), Tongue::En);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Tongue::Zh);
        assert_eq!(of(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Tongue::En);
        assert_eq!(of(&[("LANG", "C"), ("LC_MESSAGES", "zh_TW")]), Tongue::Zh);
        assert_eq!(of(&[("LANG", "zh_CN"), ("LC_ALL", "")]), Tongue::Zh);
    }
}
