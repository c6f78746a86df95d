//! The OpenAPI document.

pub(crate) mod document;
mod headers;
mod routes;
