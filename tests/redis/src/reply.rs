//! What a command answers.

/// An answer, as Redis gives it to a client and to a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// There is nothing.
    Nil,
    /// A number.
    Number(i64),
    /// A text of any bytes.
    Text(Vec<u8>),
    /// A short word, as `OK` is.
    Status(String),
    /// Several answers.
    List(Vec<Reply>),
    /// Why the command failed. It begins with a code.
    Error(String),
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::Status("OK".to_owned())
    }

    pub(crate) fn text(text: &[u8]) -> Self {
        Self::Text(text.to_vec())
    }

    /// How many there are.
    pub(crate) fn count(many: usize) -> Self {
        Self::Number(i64::try_from(many).unwrap_or(i64::MAX))
    }

    pub(crate) fn or_nil(text: Option<&Vec<u8>>) -> Self {
        text.map_or(Self::Nil, |it| Self::text(it))
    }
}
