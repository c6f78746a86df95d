//! The answer to a request that did not fail, without the headers that every answer to a forward has.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use bytes::Bytes;

use crate::api::compat::envelope;
use crate::api::dialect::Dialect;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers with `data`, which are JSON: as they are, or in Feishu's envelope.
pub(super) fn success(data: Bytes, dialect: Dialect) -> HttpResponse {
    let body = match dialect {
        Dialect::Gateway => data,
        Dialect::Feishu => envelope::success(&data).into(),
    };
    HttpResponse::Ok().insert_header((CONTENT_TYPE, JSON)).body(body)
}
