//! What a store app has besides a self-built app: the secrets of the events that Feishu pushes to it.

use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::Section;
use super::values::{ConfigValue, ToToml, password, quoted, text};

/// The secrets of a store app's events. At least one of them is set.
#[derive(Debug, Clone)]
pub struct StoreAppConfig {
    /// The Encrypt Key, with which Feishu encrypts and signs events. None: events are plain.
    pub encrypt_key: Option<SecretString>,
    /// The file that the Encrypt Key was read from.
    pub encrypt_key_file: Option<PathBuf>,
    /// The verification token that each event holds. None: it is not checked.
    pub verification_token: Option<SecretString>,
    /// The file that the verification token was read from.
    pub verification_token_file: Option<PathBuf>,
}

/// Who may install an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AppType {
    /// The tenant that built it.
    #[default]
    SelfBuilt,
    /// Every tenant, from Feishu's app store.
    Store,
}

/// The keys of store apps only. Without either secret, anybody could push a ticket.
const KEYS: [&str; 4] =
    ["encrypt_key", "encrypt_key_file", "verification_token", "verification_token_file"];

impl StoreAppConfig {
    /// The rows of an app. None: it is a self-built app, or an error says what is wrong.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let app_type = section.get("type", app_type);
        let is_wrong = section.is_set("type") && app_type.is_none();
        let app_type = app_type.unwrap_or_default();
        section.show("type", &app_type);
        if app_type == AppType::SelfBuilt {
            for key in KEYS {
                let is_set = section.get(key, |_| Ok(())).is_some();
                if is_set && !is_wrong {
                    section.error(key, "is only for a store app: one with type = \"store\"");
                }
            }
            return None;
        }
        if !KEYS.into_iter().any(|key| section.is_set(key)) {
            section.error(
                "encrypt_key",
                "is missing, and so is verification_token: a store app needs at least one of them",
            );
        }
        let (encrypt_key, encrypt_key_file) = section.secret("encrypt_key", password);
        let (verification_token, verification_token_file) =
            section.secret("verification_token", password);
        Some(Self { encrypt_key, encrypt_key_file, verification_token, verification_token_file })
    }
}

fn app_type(value: &ConfigValue) -> Result<AppType, String> {
    match text(value)?.as_str() {
        "self_built" => Ok(AppType::SelfBuilt),
        "store" => Ok(AppType::Store),
        _ => Err("must be \"self_built\" or \"store\"".into()),
    }
}

impl ToToml for AppType {
    fn to_toml(&self) -> String {
        quoted(&match self {
            Self::SelfBuilt => "self_built",
            Self::Store => "store",
        })
    }
}
