//! The store apps whose events a listener takes, with what each event is checked against.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use secrecy::SecretString;

use crate::clock::Moment;
use crate::feishu::events::{EventId, ExpectedApp, SeenEvents};
use crate::telemetry::metrics::Metrics;

/// The store apps whose events a listener takes; by default none. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct StoreApps {
    apps: Arc<BTreeMap<String, StoreApp>>,
    metrics: Metrics,
}

/// One store app.
#[derive(Debug)]
pub(crate) struct StoreApp {
    pub(crate) expected: ArcSwap<ExpectedApp>,
    seen: Mutex<SeenEvents>,
}

impl StoreApps {
    /// These store apps, by name.
    #[must_use]
    pub fn new(apps: impl IntoIterator<Item = (String, ExpectedApp)>, metrics: &Metrics) -> Self {
        let app = |(name, expected): (String, ExpectedApp)| {
            metrics.begin_events(&name);
            let expected = ArcSwap::from_pointee(expected);
            (name, StoreApp { expected, seen: Mutex::default() })
        };
        let apps = apps.into_iter().map(app).collect();
        Self { apps: Arc::new(apps), metrics: metrics.clone() }
    }

    /// Uses another Encrypt Key of an app from the next event on.
    pub fn replace_encrypt_key(&self, app: &str, secret: SecretString) {
        self.replace(app, |expected| expected.encrypt_key = Some(secret));
    }

    /// Uses another verification token of an app from the next event on.
    pub fn replace_verification_token(&self, app: &str, secret: SecretString) {
        self.replace(app, |expected| expected.verification_token = Some(secret));
    }

    fn replace(&self, app: &str, change: impl FnOnce(&mut ExpectedApp)) {
        if let Some(app) = self.find(app) {
            let mut expected = ExpectedApp::clone(&app.expected.load());
            change(&mut expected);
            app.expected.store(Arc::new(expected));
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&StoreApp> {
        self.apps.get(name)
    }

    /// Counts a pushed request. Labels are those of [`Metrics::begin_events`].
    pub(crate) fn count(&self, app: &str, event: &str, result: &str) {
        self.metrics.event(app, event, result);
    }
}

impl StoreApp {
    /// Whether the event was taken before.
    pub(crate) fn has_taken(&self, id: &EventId, now: Moment) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).has(id, now)
    }

    /// Remembers that the event is taken.
    pub(crate) fn take(&self, id: EventId, now: Moment) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).add(id, now);
    }
}
