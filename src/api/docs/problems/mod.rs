//! The explanations of problems, to which the `type` of a problem leads.

pub(crate) mod examples;
pub(crate) mod explanation;
pub(crate) mod list;
pub(crate) mod page;
pub(crate) mod routes;
pub(crate) mod search;
pub(crate) mod words;
