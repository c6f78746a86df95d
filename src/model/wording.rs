//! What the API says, in both of its languages.

use std::borrow::Cow;

/// One text in English and in Chinese: neither can be written without the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// English.
    pub en: Cow<'static, str>,
    /// Chinese.
    pub zh: Cow<'static, str>,
}

impl Wording {
    /// The English text and the Chinese one.
    pub fn new(en: impl Into<Cow<'static, str>>, zh: impl Into<Cow<'static, str>>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }
}

/// Whether a character is white space or is not seen at all, as people copy it along with an id.
pub(super) fn is_white_space(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
