//! Feishu's own paths, for programs that use Feishu's SDKs or its HTTP API as it is. They forward with the handlers of
//! `v1`; here are the token calls, and the envelope of answers.

pub(crate) mod answer;
pub(crate) mod envelope;
pub(crate) mod tokens;
