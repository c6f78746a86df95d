//! The mistakes in what a caller sent, collected while it is read.

use crate::api::problems::problem::InvalidField;
use crate::model::wording::Wording;

/// The mistakes that were found so far.
#[derive(Default)]
pub(super) struct Mistakes(Vec<InvalidField>);

/// Most mistakes that an answer lists. More help nobody, and a caller must not decide how long an answer is.
const ENOUGH: usize = 20;

impl Mistakes {
    pub(super) fn are_enough(&self) -> bool {
        self.0.len() >= ENOUGH
    }

    pub(super) fn add(&mut self, field: impl Into<String>, detail: Wording) {
        if !self.are_enough() {
            self.0.push(InvalidField::new(field, detail));
        }
    }

    /// The value of a result, or none after its error was added as a mistake in `field`.
    pub(super) fn keep<T>(&mut self, field: &str, result: Result<T, Wording>) -> Option<T> {
        result.map_err(|detail| self.add(field, detail)).ok()
    }

    pub(super) fn none_so_far(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_fields(self) -> Vec<InvalidField> {
        self.0
    }
}

/// The mistake of a parameter, header or member that is there twice.
pub(super) fn more_than_once() -> Wording {
    Wording::new("is given more than once", "重复出现")
}
