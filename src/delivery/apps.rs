//! The apps that forward: self-built ones, and store apps in the tenants that use them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::app::App;
use super::app_common::AppCommon;
use crate::clock::Moment;
use crate::feishu::token::{AppTickets, TokenSource};
use crate::model::api_key::Caller;
use crate::model::tenant_key::TenantKey;

/// The apps that forward, by the operator's names.
#[derive(Debug, Default)]
pub struct Apps(BTreeMap<Arc<str>, KnownApp>);

/// An app, and where it forwards.
#[derive(Debug)]
pub(super) enum KnownApp {
    /// A self-built app, which is in one tenant only.
    SelfBuilt(Arc<App>),
    /// A store app.
    Store(StoreApp),
}

/// A store app, and the tenants that have used it lately.
#[derive(Debug)]
pub(super) struct StoreApp {
    common: Arc<AppCommon>,
    /// Its app token, with which it gets tenant tokens.
    token: TokenSource,
    pub(super) tickets: AppTickets,
    tenants: Mutex<HashMap<TenantKey, Tenant>>,
}

/// A store app in a tenant.
#[derive(Debug)]
struct Tenant {
    app: Arc<App>,
    used_at: Moment,
}

/// How long a tenant is remembered after its last use: as long as its token lives at most.
const UNUSED: Duration = Duration::from_hours(2);
/// Most tenants of a store app that are remembered, besides those whose forwards are being worked on.
const MOST_TENANTS: usize = 10_000;

impl Apps {
    /// Adds a self-built app.
    pub fn add_self_built(&mut self, common: AppCommon, token: TokenSource) {
        let name = Arc::clone(&common.name);
        let app = App::new(Arc::new(common), None, token);
        self.0.insert(name, KnownApp::SelfBuilt(Arc::new(app)));
    }

    /// Adds a store app. `token` is its app token.
    pub fn add_store(&mut self, common: AppCommon, token: TokenSource, tickets: AppTickets) {
        let name = Arc::clone(&common.name);
        let (common, tenants) = (Arc::new(common), Mutex::default());
        self.0.insert(name, KnownApp::Store(StoreApp { common, token, tickets, tenants }));
    }

    /// The app that a caller forwards with, in the caller's tenant.
    ///
    /// # Panics
    /// If there is no such app. The configuration lets no key name one, and only callers of store apps have tenants.
    pub(super) fn of(&self, caller: &Caller, now: Moment) -> Arc<App> {
        match (self.get(&caller.app), &caller.tenant) {
            (Some(KnownApp::SelfBuilt(app)), None) => Arc::clone(app),
            (Some(KnownApp::Store(app)), Some(tenant)) => app.in_tenant(tenant, now),
            _ => unreachable!("the configuration lets no key name an app that does not exist"),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&KnownApp> {
        self.0.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &KnownApp> {
        self.0.values()
    }

    /// The self-built apps.
    pub(super) fn self_built(&self) -> impl Iterator<Item = &Arc<App>> {
        self.all().filter_map(|app| match app {
            KnownApp::SelfBuilt(app) => Some(app),
            KnownApp::Store(_) => None,
        })
    }

    /// Forgets the tenants that have not used their app for long.
    pub(super) fn sweep(&self, now: Moment) {
        for app in self.all() {
            if let KnownApp::Store(app) = app {
                app.sweep(now);
            }
        }
    }
}

impl KnownApp {
    /// What it has in all tenants.
    pub(super) fn common(&self) -> &Arc<AppCommon> {
        match self {
            Self::SelfBuilt(app) => &app.common,
            Self::Store(app) => &app.common,
        }
    }

    /// The token that is always kept fresh: a self-built app's tenant token, a store app's app token. Tenants of a store
    /// app get theirs when they forward.
    pub(super) fn token(&self) -> &TokenSource {
        match self {
            Self::SelfBuilt(app) => &app.token,
            Self::Store(app) => &app.token,
        }
    }

    /// The app in all tenants that are remembered.
    pub(super) fn in_tenants(&self) -> Vec<Arc<App>> {
        match self {
            Self::SelfBuilt(app) => vec![Arc::clone(app)],
            Self::Store(app) => app.tenants().values().map(|it| Arc::clone(&it.app)).collect(),
        }
    }
}

impl StoreApp {
    fn in_tenant(&self, tenant: &TenantKey, now: Moment) -> Arc<App> {
        let mut tenants = self.tenants();
        if let Some(known) = tenants.get_mut(tenant) {
            known.used_at = now;
            return Arc::clone(&known.app);
        }
        if tenants.len() >= MOST_TENANTS {
            forget_longest_unused(&mut tenants);
        }
        let token = TokenSource::store_tenant(&self.token, tenant.clone());
        let app = Arc::new(App::new(Arc::clone(&self.common), Some(tenant.clone()), token));
        tenants.insert(tenant.clone(), Tenant { app: Arc::clone(&app), used_at: now });
        app
    }

    fn sweep(&self, now: Moment) {
        self.tenants().retain(|_, it| it.is_in_use() || now < it.used_at.saturating_add(UNUSED));
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantKey, Tenant>> {
        // No code that can panic runs under this lock.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tenant {
    /// Whether a forward of the tenant is being worked on.
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.app) > 1
    }
}

fn forget_longest_unused(tenants: &mut HashMap<TenantKey, Tenant>) {
    let unused = tenants.iter().filter(|(_, it)| !it.is_in_use());
    let longest = unused.min_by_key(|(_, it)| it.used_at).map(|(key, _)| key.clone());
    if let Some(key) = longest {
        tenants.remove(&key);
    }
}
