//! What no log may hold.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use gateway_harness::log::{is_seen_at_info, lines};
use gateway_harness::{APP_SECRET, Gateway};

/// The app's secret, and the API keys and tokens of all gateways.
#[derive(Default)]
pub(crate) struct Secrets(RefCell<BTreeSet<String>>);

impl Secrets {
    /// Adds those of a gateway and of its Feishu.
    pub(crate) fn of(&self, gateway: &Gateway) {
        let mut secrets = self.0.borrow_mut();
        secrets.extend([APP_SECRET.to_owned(), gateway.key.clone()]);
        let headers = gateway.forwards().into_iter().flat_map(|attempt| attempt.headers);
        let tokens = headers.filter(|(name, _)| name == "authorization");
        secrets.extend(tokens.map(|(_, value)| value.trim_start_matches("Bearer ").to_owned()));
    }

    /// No secret is in a line of the gateway's own at any level, or in another line at `info`.
    pub(crate) fn are_in_no_log(&self) {
        let secrets = self.0.borrow();
        assert!(secrets.iter().any(|secret| secret.starts_with("t-")), "no token is known");
        let mut searched = 0;
        for text in lines() {
            let line: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
            let target = line["target"].as_str().unwrap_or_default();
            if !target.starts_with("feishu_forward_gateway") && !is_seen_at_info(&line) {
                continue;
            }
            searched += 1;
            for secret in &*secrets {
                assert!(!text.contains(secret.as_str()), "{secret:?} in {text}");
            }
        }
        assert!(searched > 500, "{searched} lines: the log is not seen");
    }
}
