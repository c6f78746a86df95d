//! API keys that somebody shows.

use std::collections::BTreeMap;
use std::hint::black_box;

use feishu_forward_gateway::api::keyring::Keyring;
use feishu_forward_gateway::model::api_key::{KeyEntry, KeyHash};
use feishu_forward_gateway::model::policy::Policy;
use feishu_forward_gateway::model::share::{Budget, Weight};
use feishu_forward_gateway::model::tenants::Tenants;
use jiff::Timestamp;

use crate::REPEATS;

/// A keyring, and what is shown to it.
pub(crate) struct Presented {
    keyring: Keyring,
    keys: Vec<String>,
}

/// As long as a key that the program makes.
pub(crate) fn key(number: usize) -> String {
    format!("ffg_{number:012}_{number:049}")
}

pub(crate) fn keyring(count: usize) -> Keyring {
    let entry = |number: usize| KeyEntry {
        hash: KeyHash::of(&key(number)),
        app: "main".to_owned(),
        tenants: Tenants::None,
        expires_at: None,
        disabled: false,
        policy: Policy::default(),
        weight: Weight::ONE,
        budget: Budget::default(),
        webhook: None,
    };
    let entries = (0..count).map(|number| (format!("caller-{number}"), entry(number)));
    Keyring::new(&entries.collect::<BTreeMap<_, _>>())
}

pub(crate) fn known_keys(count: usize) -> Presented {
    let keys = (0..REPEATS).map(|turn| key(turn % count)).collect();
    Presented { keyring: keyring(count), keys }
}

pub(crate) fn unknown_keys(count: usize) -> Presented {
    let keys = (0..REPEATS).map(|turn| key(count + turn)).collect();
    Presented { keyring: keyring(count), keys }
}

impl Presented {
    pub(crate) fn authenticate(&self) {
        for key in &self.keys {
            let _ = black_box(self.keyring.authenticate(black_box(key), Timestamp::UNIX_EPOCH));
        }
    }
}
