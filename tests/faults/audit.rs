//! The audit log says what the callers' answers say.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::run::Told;
use gateway_harness::log::lines;
use gateway_harness::{Answer, eventually};

/// The outcomes in the answers, by the ids of the requests.
#[derive(Default)]
pub(crate) struct Audit(RefCell<BTreeMap<String, String>>);

impl Audit {
    /// Notes the answer of a request.
    pub(crate) fn note(&self, answer: &Answer, told: &Told) {
        let outcome = match told {
            Told::Delivered => "delivered",
            Told::Problem { outcome, .. } => outcome,
        };
        let request_id = answer.header("x-request-id").expect("its id").to_owned();
        self.0.borrow_mut().insert(request_id, outcome.to_owned());
    }

    /// Each forward has one line, with the outcome in its answer.
    pub(crate) async fn says_the_same(&self) {
        let told = self.0.take();
        assert!(told.len() > 200, "only {} forwards", told.len());
        // The last lines may come a little after their answers.
        eventually(|| said().len() >= told.len()).await;
        let mut said = said();
        said.retain(|(request_id, _)| told.contains_key(request_id));
        assert_eq!(said.len(), told.len(), "one line each");
        for (request_id, outcome) in said {
            assert_eq!(outcome, told[&request_id], "{request_id}");
        }
    }
}

/// Each audit line so far: the request's id and the outcome.
fn said() -> Vec<(String, String)> {
    let audit = lines().into_iter().filter(|line| line.contains("\"target\":\"audit\""));
    let word = |line: &Value, name: &str| line[name].as_str().expect("a word").to_owned();
    audit
        .map(|line| serde_json::from_str::<Value>(&line).expect("JSON"))
        .map(|line| (word(&line, "request_id"), word(&line, "outcome")))
        .collect()
}
