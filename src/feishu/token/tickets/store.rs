//! Where tickets are kept outside of the process.

use super::app_ticket::AppTicket;
use super::error::TicketNotKept;
use super::file::FileTicket;
use super::redis::RedisTicket;
use crate::model::seal::Seal;

/// Where the ticket of an app is kept.
#[derive(Debug)]
pub enum TicketStore {
    /// In the memory of the process only: a restart needs a push.
    Memory,
    /// In the Redis that replicas share.
    Redis(RedisTicket),
    /// In the file of a single process.
    File(FileTicket),
}

impl TicketStore {
    /// The newest ticket, if it is not too old and was sealed with the same secret.
    pub async fn load(&self, seal: &Seal) -> Result<Option<AppTicket>, TicketNotKept> {
        match self {
            Self::Memory => Ok(None),
            Self::Redis(redis) => redis.load(seal).await,
            Self::File(file) => file.load(seal).await,
        }
    }

    /// Stores a ticket, unless there is one that was sent later.
    pub(super) async fn keep(&self, seal: &Seal, ticket: &AppTicket) -> Result<(), TicketNotKept> {
        match self {
            Self::Memory => Ok(()),
            Self::Redis(redis) => redis.keep(seal, ticket).await,
            Self::File(file) => file.keep(seal, ticket).await,
        }
    }

    /// Deletes a ticket that Feishu has refused, unless there is one that was sent later.
    pub(super) async fn forget(&self, ticket: &AppTicket) -> Result<(), TicketNotKept> {
        match self {
            Self::Memory => Ok(()),
            Self::Redis(redis) => redis.forget(ticket).await,
            Self::File(file) => file.forget(ticket).await,
        }
    }
}
