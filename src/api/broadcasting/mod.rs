//! What the routes of broadcasts share: reading requests, writing answers.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod configured;
mod csv;
pub(crate) mod events;
pub(crate) mod input;
pub(crate) mod json;
pub(crate) mod problems;
pub(crate) mod query;
pub(crate) mod receivers;
pub(crate) mod results;
pub(crate) mod schema;
pub(crate) mod to_one;
