//! The languages of problems and pages: English, and Chinese for those who ask for it.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT_LANGUAGE, AcceptLanguage, Header as _, Quality};

use crate::model::wording::Wording;

/// A language of problems and pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The default.
    English,
    /// In simplified characters.
    Chinese,
}

impl Language {
    /// The language that `Accept-Language` prefers. English if the header names neither.
    pub(crate) fn preferred_by(request: &HttpRequest) -> Self {
        if !request.headers().contains_key(ACCEPT_LANGUAGE) {
            return Self::English;
        }
        let Ok(AcceptLanguage(mut accepted)) = AcceptLanguage::parse(request) else {
            return Self::English;
        };
        // A quality of zero means that the language is not acceptable (RFC 9110, section 12.4.2).
        accepted.retain(|language| language.quality > Quality::ZERO);
        let mut ranked = AcceptLanguage(accepted).ranked().into_iter();
        ranked.find_map(|tag| Self::of_tag(&tag.to_string())).unwrap_or(Self::English)
    }

    /// The language of a tag such as `zh-CN`, whatever its region or script.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next() {
            Some(primary) if primary.eq_ignore_ascii_case("zh") => Some(Self::Chinese),
            Some(primary) if primary.eq_ignore_ascii_case("en") => Some(Self::English),
            _ => None,
        }
    }

    /// The value of `Content-Language`.
    pub(crate) const fn tag(self) -> &'static str {
        self.choose("en", "zh")
    }

    /// The text of a wording in this language.
    pub(crate) fn of(self, wording: &Wording) -> &str {
        self.choose(&wording.en, &wording.zh)
    }

    /// The text of the two that is in this language.
    pub(crate) const fn choose<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}
