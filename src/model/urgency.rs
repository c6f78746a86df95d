//! How urgent a forward is.

/// How urgent a forward is compared with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// It takes the calls that interactive forwards leave, and a tenth of all calls at least.
    Bulk,
}

impl Urgency {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Bulk];
}
