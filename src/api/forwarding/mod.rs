//! What every route that forwards something does, whatever is forwarded and in whose dialect: read the request, call
//! delivery once, write the answer.

pub(crate) mod answer;
pub(crate) mod dry_run;
pub(crate) mod headers;
pub(crate) mod schema;
mod success;
