//! Tenant tokens: one for each app, fetched once however many calls need it, renewed before it runs out.

mod credentials;
mod key;
mod pace;
mod shared;
mod source;
mod tenant_token;
mod ticket;

pub use credentials::Credentials;
pub use key::TokenKey;
pub use pace::TokenTrouble;
pub use shared::SharedToken;
pub use source::TokenSource;
pub use tenant_token::Token;
pub use ticket::AppTicket;
