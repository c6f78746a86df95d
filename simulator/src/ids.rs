//! Generates identifiers in Feishu's formats.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

/// A generator of identifiers. Its random seed makes them unique across simulators, so a simulator does not accept a
/// token of an earlier one.
pub(crate) struct Ids {
    seed: u64,
    generated: u64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self { seed: RandomState::new().hash_one(0), generated: 0 }
    }

    /// A message id: `om_` and 32 hexadecimal digits.
    pub(crate) fn message_id(&mut self) -> String {
        format!("om_{:016x}{:016x}", self.next(), self.next())
    }

    /// A tenant access token: `t-` and 32 hexadecimal digits.
    pub(crate) fn tenant_token(&mut self) -> String {
        format!("t-{:016x}{:016x}", self.next(), self.next())
    }

    /// The access token of a store app: `a-` and 32 hexadecimal digits.
    pub(crate) fn app_token(&mut self) -> String {
        format!("a-{:016x}{:016x}", self.next(), self.next())
    }

    /// An app ticket. Its form is not known (guess).
    pub(crate) fn app_ticket(&mut self) -> String {
        format!("ticket-{:016x}{:016x}", self.next(), self.next())
    }

    /// The id of an event, or a challenge: 32 hexadecimal digits.
    pub(crate) fn event_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// The nonce of a signature.
    pub(crate) fn nonce(&mut self) -> String {
        format!("{:016x}", self.next())
    }

    /// The initialization vector of an encryption.
    pub(crate) fn iv(&mut self) -> [u8; 16] {
        let (first, second) = (self.next(), self.next());
        (u128::from(first) << 64 | u128::from(second)).to_be_bytes()
    }

    /// A log id of 34 digits, as many as Feishu's have. Unlike Feishu's, it does not start with the time.
    pub(crate) fn log_id(&mut self) -> String {
        format!("02{:016X}{:016X}", self.next(), self.next())
    }

    /// The next number of the splitmix64 sequence, which does not repeat within 2^64 numbers.
    fn next(&mut self) -> u64 {
        self.generated += 1;
        let mut z = self.seed.wrapping_add(self.generated.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The id of the chat with a receiver that is not a chat. It depends on the receiver only.
pub(crate) fn chat_of(receive_id_type: &str, receive_id: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (receive_id_type, receive_id).hash(&mut hasher);
    format!("oc_{:032x}", hasher.finish())
}
