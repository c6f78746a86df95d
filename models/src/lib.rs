//! Models of what replicas do together, explored exhaustively for small bounds by `cargo test`. What they assume, and
//! which test of the gateway shows each assumption, is in `docs/en/design/models.md`.

pub mod claims;
pub mod limits;
