//! The mistakes in what a caller sent, collected while it is read.

use crate::api::problems::problem::InvalidField;
use crate::model::wording::Wording;

/// The mistakes that were found so far.
pub(crate) struct Mistakes {
    /// The first ones.
    listed: Vec<InvalidField>,
    /// Most mistakes that an answer lists. A caller must not decide how long an answer is.
    most: usize,
    /// How many are not listed.
    more: usize,
}

/// Most mistakes in a request about one thing. More help nobody.
const ENOUGH: usize = 20;
/// Most mistakes in a list. Who pastes thousands of receivers looks at a screenful of mistakes at a time.
const ENOUGH_IN_A_LIST: usize = 100;

impl Default for Mistakes {
    fn default() -> Self {
        Self { listed: Vec::new(), most: ENOUGH, more: 0 }
    }
}

impl Mistakes {
    /// For what holds a long list.
    pub(crate) fn in_a_list() -> Self {
        Self { most: ENOUGH_IN_A_LIST, ..Self::default() }
    }

    pub(super) fn are_enough(&self) -> bool {
        self.listed.len() >= self.most
    }

    pub(crate) fn add(&mut self, field: impl Into<String>, detail: Wording) {
        if self.are_enough() {
            self.more += 1;
        } else {
            self.listed.push(InvalidField::new(field, detail));
        }
    }

    /// The value of a result, or none after its error was added as a mistake in `field`.
    pub(crate) fn keep<T>(&mut self, field: &str, result: Result<T, Wording>) -> Option<T> {
        result.map_err(|detail| self.add(field, detail)).ok()
    }

    pub(crate) fn none_so_far(&self) -> bool {
        self.listed.is_empty()
    }

    pub(crate) fn into_fields(self) -> Vec<InvalidField> {
        self.listed
    }

    /// The mistakes. Where not all are listed, the last entry is in the field `list` and says how many more there are.
    pub(crate) fn into_fields_of(self, list: &str) -> Vec<InvalidField> {
        let Self { mut listed, more, .. } = self;
        if more > 0 {
            let detail = Wording::new(
                format!("{more} more mistakes are not listed"),
                format!("另有 {more} 处错误未列出"),
            );
            listed.push(InvalidField::new(list, detail));
        }
        listed
    }
}

/// The mistake of a parameter, header or member that is there twice.
pub(crate) fn more_than_once() -> Wording {
    Wording::new("is given more than once", "重复出现")
}
