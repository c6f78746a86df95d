//! The texts of the API, in both of its languages.

use std::borrow::Cow;

/// One text in English and in Chinese. A text in one language only does not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The English text.
    pub en: Cow<'static, str>,
    /// The Chinese text.
    pub zh: Cow<'static, str>,
}

impl Wording {
    /// A text from its English and its Chinese version.
    pub fn new(en: impl Into<Cow<'static, str>>, zh: impl Into<Cow<'static, str>>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// Whether a character is white space or invisible. People copy such characters together with an id.
pub(super) fn is_white_space(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
