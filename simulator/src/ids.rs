//! Identifiers that look like Feishu's.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

/// A source of identifiers that no other simulator gives, so a token of an earlier run is unknown.
pub(crate) struct Ids {
    seed: u64,
    given: u64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self { seed: RandomState::new().hash_one(0), given: 0 }
    }

    /// `om_` and 32 hexadecimal digits.
    pub(crate) fn message_id(&mut self) -> String {
        format!("om_{:016x}{:016x}", self.next(), self.next())
    }

    /// `t-` and 32 hexadecimal digits.
    pub(crate) fn tenant_token(&mut self) -> String {
        format!("t-{:016x}{:016x}", self.next(), self.next())
    }

    /// 34 digits as Feishu's log ids have, though theirs begin with the time.
    pub(crate) fn log_id(&mut self) -> String {
        format!("02{:016X}{:016X}", self.next(), self.next())
    }

    /// The next number of the splitmix64 sequence, which repeats none.
    fn next(&mut self) -> u64 {
        self.given += 1;
        let mut z = self.seed.wrapping_add(self.given.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The chat of a receiver that is not itself given as a chat: always the same one.
pub(crate) fn chat_of(receive_id_type: &str, receive_id: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (receive_id_type, receive_id).hash(&mut hasher);
    format!("oc_{:032x}", hasher.finish())
}
