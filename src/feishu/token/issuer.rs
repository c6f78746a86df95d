//! For what Feishu issues an app's token.

use arc_swap::ArcSwap;
use secrecy::SecretString;
use tokio::sync::watch;

use super::calls::{Issued, TokenCalls};
use super::credentials::Credentials;
use super::tickets::{AppTickets, KnownTicket};
use crate::feishu::error::CallError;
use crate::model::feishu_api::FeishuApi;

/// For what Feishu issues an app's token.
#[derive(Debug)]
pub(super) enum AppIssuer {
    /// For a self-built app's credentials, which are replaced when the app gets another secret: a tenant token.
    SelfBuilt(ArcSwap<Credentials>),
    /// For a store app's credentials and ticket: an app token.
    StoreApp(AppTickets),
}

impl AppIssuer {
    /// The API that issues the token.
    pub(super) fn api(&self) -> FeishuApi {
        match self {
            Self::SelfBuilt(_) => FeishuApi::TenantAccessToken,
            Self::StoreApp(_) => FeishuApi::AppAccessToken,
        }
    }

    /// What the token is called.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::SelfBuilt(_) => "tenant",
            Self::StoreApp(_) => "app",
        }
    }

    pub(super) async fn fetch(&self, calls: &TokenCalls) -> Result<Issued, CallError> {
        match self {
            Self::SelfBuilt(credentials) => calls.tenant_token(&credentials.load_full()).await,
            Self::StoreApp(tickets) => tickets.app_token().await,
        }
    }

    /// Uses another secret of the app from the next call on.
    pub(super) fn replace_secret(&self, app_secret: SecretString) {
        match self {
            Self::SelfBuilt(credentials) => {
                let app_id = credentials.load().app_id.clone();
                credentials.store(Credentials { app_id, app_secret }.into());
            }
            Self::StoreApp(tickets) => tickets.replace_secret(app_secret),
        }
    }

    /// Forgets that questions for a ticket have failed.
    pub(super) fn ask_again(&self) {
        if let Self::StoreApp(tickets) = self {
            tickets.ask_again();
        }
    }

    /// Tells of each ticket that arrives. None if the token takes none.
    pub(super) fn ticket_arrivals(&self) -> Option<watch::Receiver<KnownTicket>> {
        match self {
            Self::SelfBuilt(_) => None,
            Self::StoreApp(tickets) => Some(tickets.arrivals()),
        }
    }
}
