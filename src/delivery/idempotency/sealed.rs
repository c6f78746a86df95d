//! Final conclusions, as they are kept outside of the process: sealed with a key from the app's secret.

use std::collections::HashMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::delivery::conclusion::{Conclusion, Known};
use crate::delivery::error::ForwardError;
use crate::feishu::error::{CallError, FieldViolation, Forwarded, Refusal};
use crate::model::seal::Seal;

/// The longest conclusion that is kept, in bytes: far more than Feishu answers about one message. For a longer
/// one Feishu is asked again, with the same `uuid`.
pub(super) const LARGEST: usize = 256 << 10;

/// Seals conclusions. A place is where one is kept; it cannot be opened at another one.
#[derive(Debug)]
pub(super) struct ConclusionSeals {
    by_app: HashMap<String, Seal>,
}

impl ConclusionSeals {
    /// The seals of apps with these secrets.
    pub(super) fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a String, &'a SecretString)>,
    ) -> Self {
        let by_app = secrets.into_iter().map(|(app, secret)| (app.clone(), Seal::new(secret)));
        Self { by_app: by_app.collect() }
    }

    /// A sealed conclusion. None if it is not final, or too long to be kept.
    pub(super) fn seal(&self, app: &str, place: &str, conclusion: &Conclusion) -> Option<Vec<u8>> {
        let stored = Some(conclusion).filter(|it| it.is_final()).and_then(StoredConclusion::of)?;
        let plain = serde_json::to_vec(&stored).ok()?;
        let sealed = self.by_app.get(app)?.seal(place, &plain);
        (sealed.len() <= LARGEST).then_some(sealed)
    }

    /// The conclusion that was sealed there. None if it cannot be read.
    pub(super) fn open(&self, app: &str, place: &str, sealed: &[u8]) -> Option<Conclusion> {
        let plain = self.by_app.get(app)?.open(place, sealed)?;
        let stored: StoredConclusion = serde_json::from_slice(&plain).ok()?;
        Some(stored.into())
    }

    /// A mark, by which [`Self::is_own`] tells later whether the app's secret is still the same.
    pub(super) fn mark(&self, app: &str, place: &str) -> Vec<u8> {
        self.by_app.get(app).map(|seal| seal.seal(place, &[])).unwrap_or_default()
    }

    /// Whether this was sealed there with the app's secret.
    pub(super) fn is_own(&self, app: &str, place: &str, sealed: &[u8]) -> bool {
        self.by_app.get(app).is_some_and(|seal| seal.open(place, sealed).is_some())
    }
}

/// A final conclusion, as it is kept.
#[derive(Serialize, Deserialize)]
enum StoredConclusion {
    Delivered {
        /// Feishu's `data`. The name is that of the versions that forwarded single messages only.
        #[serde(rename = "message")]
        data: String,
        message_id: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        invalid_message_ids: Vec<String>,
        log_id: Option<String>,
    },
    Refused {
        code: i64,
        msg: String,
        log_id: Option<String>,
        http_status: u16,
        troubleshooter: Option<String>,
        fields: Vec<(String, String)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<String>,
    },
}

impl StoredConclusion {
    fn of(conclusion: &Conclusion) -> Option<Self> {
        match &conclusion.result {
            Ok(forwarded) => {
                let Forwarded { data, message_id, invalid_message_ids, log_id } = forwarded.clone();
                let data = String::from_utf8(data.to_vec()).ok()?;
                Some(Self::Delivered { data, message_id, invalid_message_ids, log_id })
            }
            Err(ForwardError::Failed(CallError::Refused(refusal))) => {
                let refusal = refusal.as_ref().clone();
                let fields = refusal.fields.into_iter().map(|it| (it.field, it.description));
                Some(Self::Refused {
                    code: refusal.code,
                    msg: refusal.msg,
                    log_id: refusal.log_id,
                    http_status: refusal.http_status,
                    troubleshooter: refusal.troubleshooter,
                    fields: fields.collect(),
                    details: refusal.details,
                })
            }
            Err(_) => None,
        }
    }
}

impl From<StoredConclusion> for Conclusion {
    fn from(stored: StoredConclusion) -> Self {
        let result = match stored {
            StoredConclusion::Delivered { data, message_id, invalid_message_ids, log_id } => {
                Ok(Forwarded { data: data.into(), message_id, invalid_message_ids, log_id })
            }
            StoredConclusion::Refused {
                code,
                msg,
                log_id,
                http_status,
                troubleshooter,
                fields,
                details,
            } => {
                let violation =
                    |(field, description): (String, String)| FieldViolation { field, description };
                let fields = fields.into_iter().map(violation).collect();
                let refusal = Refusal {
                    code,
                    msg,
                    log_id,
                    http_status,
                    troubleshooter,
                    reset: None,
                    fields,
                    details,
                };
                Err(ForwardError::Failed(CallError::Refused(Box::new(refusal))))
            }
        };
        Self { result, in_doubt_since: None, known: Known::Wholly }
    }
}
