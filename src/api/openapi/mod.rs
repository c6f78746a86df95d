//! The OpenAPI document, in English and in Chinese.

mod chinese;
pub(crate) mod document;
mod headers;
mod routes;
