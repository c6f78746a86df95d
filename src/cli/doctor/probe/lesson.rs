//! What an experiment has taught.

use serde_json::{Map, Value};

use crate::model::wording::Wording;

/// What an experiment has taught.
#[derive(Clone, Debug)]
pub(in crate::cli::doctor) struct Lesson {
    /// The name of the experiment.
    pub(super) name: &'static str,
    pub(super) answer: Wording,
    /// The numbers and codes behind the answer.
    pub(super) evidence: Value,
    /// The settings with which the simulator does the same.
    pub(super) settings: Map<String, Value>,
}

impl Lesson {
    pub(super) fn new(name: &'static str, answer: Wording, evidence: Value) -> Self {
        Self { name, answer, evidence, settings: Map::new() }
    }

    pub(in crate::cli::doctor) fn name(&self) -> &'static str {
        self.name
    }

    pub(in crate::cli::doctor) fn answer(&self) -> &Wording {
        &self.answer
    }

    /// With a setting of the simulator's.
    pub(super) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }
}
