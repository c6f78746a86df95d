//! What a command answers.

/// An answer, as Redis gives it to a client and to a script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
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
    pub(super) fn ok() -> Self {
        Self::Status("OK".to_owned())
    }

    pub(super) fn text(text: &[u8]) -> Self {
        Self::Text(text.to_vec())
    }

    /// How many there are.
    pub(super) fn count(many: usize) -> Self {
        Self::Number(i64::try_from(many).unwrap_or(i64::MAX))
    }

    pub(super) fn or_nil(text: Option<&Vec<u8>>) -> Self {
        text.map_or(Self::Nil, |it| Self::text(it))
    }

    /// Appends what is sent to a client.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        let mut line = |kind: char, text: &str| {
            to.extend_from_slice(format!("{kind}{text}\r\n").as_bytes());
        };
        match self {
            Self::Nil => line('$', "-1"),
            Self::Number(number) => line(':', &number.to_string()),
            Self::Status(text) => line('+', &one_line(text)),
            Self::Error(text) => line('-', &one_line(text)),
            Self::Text(text) => {
                line('$', &text.len().to_string());
                to.extend_from_slice(text);
                to.extend_from_slice(b"\r\n");
            }
            Self::List(all) => {
                line('*', &all.len().to_string());
                for one in all {
                    one.encode(to);
                }
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
