//! How urgent a forward is.

/// How urgent a forward is compared with others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// It leaves half of the app's burst to interactive forwards, and has one of ten turns while they wait too.
    Bulk,
}

impl Urgency {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Interactive, Self::Bulk];
}
