//! The webhooks of API keys, and the networks that they may lead to.

use ipnet::IpNet;

use super::reader::Section;
use super::values::{ConfigValue, ToToml, any_texts, list, quoted, text};
use crate::model::webhook::{InvalidWebhook, Webhook, WebhookSecret, WebhookUrl};

/// The webhook of an API key. None: there is none, or one of its keys is wrong.
pub(super) fn webhook(section: &mut Section<'_>) -> Option<Webhook> {
    let url = section.optional("webhook_url", webhook_url, "none");
    let (secret, secret_file) = section.secret("webhook_secret", webhook_secret);
    let has_secret = section.is_set("webhook_secret") || section.is_set("webhook_secret_file");
    match section.is_set("webhook_url") {
        true if !has_secret => {
            section.error("webhook_secret", "is missing, but webhook_url is set");
        }
        false if has_secret => {
            section.error("webhook_url", "is missing, but a secret for it is set");
        }
        _ => {}
    }
    Some(Webhook { url: url?, secret: secret?, secret_file })
}

fn webhook_url(value: &ConfigValue) -> Result<WebhookUrl, String> {
    WebhookUrl::parse(&text(value)?).map_err(|error: InvalidWebhook| error.to_string())
}

impl ToToml for WebhookUrl {
    fn to_toml(&self) -> String {
        quoted(self.get())
    }
}

/// The secret of a webhook, `whsec_…`.
pub(super) fn webhook_secret(value: &ConfigValue) -> Result<WebhookSecret, String> {
    WebhookSecret::parse(&text(value)?).map_err(|error: InvalidWebhook| error.to_string())
}

impl ToToml for WebhookSecret {
    /// What `config check` prints can be loaded again, so the mask has the form of a secret.
    fn to_toml(&self) -> String {
        quoted(&"whsec_MASKEDMASKEDMASKEDMASKEDMASKEDMASKED")
    }
}

/// Networks such as `10.0.0.0/8`. There may be none.
pub(super) fn networks(value: &ConfigValue) -> Result<Vec<IpNet>, String> {
    any_texts(value)?.iter().map(|it| network(it)).collect()
}

/// A network, written by its first address: another one is probably a slip.
fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().ok().filter(|it| it.trunc() == *it);
    network.ok_or_else(|| {
        "must list networks such as \"10.0.0.0/8\" or \"fd00::/8\", each by its first address"
            .into()
    })
}

impl ToToml for Vec<IpNet> {
    fn to_toml(&self) -> String {
        list(self)
    }
}
