//! A document of which readers may keep a copy: its tag, and its compressed form for those who accept that.
//!
//! actix's `Compress` does not fit. It sends both forms under one strong tag, leaves out the length, compresses anew for
//! each reader, and answers `identity;q=0` with something that is no problem.

use std::io::Write;
use std::sync::OnceLock;

use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, ContentEncoding, ETAG, Encoding, EntityTag, Header as _,
    HeaderValue, IfNoneMatch, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// The media type of a page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";
/// The media type of a stylesheet.
pub(crate) const CSS: &str = "text/css; charset=utf-8";
/// The media type of a script.
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Readers keep a copy, and ask each time whether it is still current. The names of documents are the same in each
/// version of the gateway, so copies that live for a time would mix two versions in one page.
const KEEP_AND_ASK: HeaderValue = HeaderValue::from_static("no-cache");

/// A document of which readers may keep a copy.
#[derive(Debug)]
pub(crate) struct Document {
    media_type: String,
    content: Content,
    /// A hash of the content, in hex.
    hash: String,
}

#[derive(Debug)]
enum Content {
    /// The content, and its compressed form once a reader has accepted that.
    Plain { plain: Bytes, gzip: OnceLock<Bytes> },
    /// The compressed form alone.
    Gzip(Bytes),
}

impl Document {
    /// The document with this content.
    pub(crate) fn new(media_type: impl Into<String>, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let hash = hash(&plain);
        let content = Content::Plain { plain, gzip: OnceLock::new() };
        Self { media_type: media_type.into(), content, hash }
    }

    /// The document of which this is the compressed form. All readers get that: every browser accepts gzip.
    pub(crate) fn compressed(media_type: impl Into<String>, gzip: impl Into<Bytes>) -> Self {
        let gzip = gzip.into();
        let hash = hash(&gzip);
        Self { media_type: media_type.into(), content: Content::Gzip(gzip), hash }
    }

    /// The answer with the document, or without it to a reader whose copy is current.
    pub(crate) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_gzip = matches!(self.content, Content::Gzip(_)) || accepts_gzip(request);
        // A strong tag identifies the bytes, and so the form (RFC 9110, section 8.8.1).
        let tag = if is_gzip { format!("{}-gzip", self.hash) } else { self.hash.clone() };
        let tag = EntityTag::new_strong(tag);
        let is_current = has_copy(request, &tag);
        let mut answer = if is_current { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .content_type(self.media_type.as_str())
            .insert_header((ETAG, tag.to_string()))
            .insert_header((CACHE_CONTROL, KEEP_AND_ASK))
            .insert_header((VARY, "Accept-Encoding"));
        if is_current {
            return answer.finish();
        }
        if is_gzip {
            answer.insert_header(ContentEncoding::Gzip);
        }
        let content = match &self.content {
            Content::Plain { plain, gzip } if is_gzip => gzip.get_or_init(|| compress(plain)),
            Content::Plain { plain, .. } => plain,
            Content::Gzip(gzip) => gzip,
        };
        answer.body(content.clone())
    }
}

fn hash(content: &[u8]) -> String {
    hex::encode(&Sha256::digest(content)[..16])
}

fn compress(plain: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(plain)
        .and_then(|()| gzip.finish())
        .expect("memory takes all that is written")
        .into()
}

/// Whether the reader prefers gzip to the plain form.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let forms = [Encoding::identity(), Encoding::gzip()];
    let accepted = AcceptEncoding::parse(request).ok();
    accepted.and_then(|it| it.negotiate(forms.iter())) == Some(Encoding::gzip())
}

/// Whether the reader has a copy with this tag.
fn has_copy(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        // Without the header, the list is empty.
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|it| it.weak_eq(tag)),
        Err(_) => false,
    }
}
