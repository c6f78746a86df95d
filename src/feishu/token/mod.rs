//! Tokens: each is fetched once however many calls need it, and renewed before it runs out. There is one for each
//! self-built app, one for each store app, and one for each tenant of a store app.

mod access_token;
mod calls;
mod credentials;
mod fetch_error;
mod issuer;
mod pace;
mod shared;
mod source;
mod state;
mod tickets;

pub use access_token::Token;
pub use credentials::Credentials;
pub use pace::TokenTrouble;
pub use shared::SharedToken;
pub use source::TokenSource;
pub use tickets::{AppTicket, AppTickets, FileTicket, RedisTicket, TicketNotKept, TicketStore};
