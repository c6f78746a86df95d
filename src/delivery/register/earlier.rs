//! What attempts came to.

use crate::clock::Stamp;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum End {
    /// It went out.
    Out,
    /// Nobody knows.
    Unknown,
    /// It did not go out; of other attempts that says nothing.
    NotOut,
}

/// What earlier attempts of a forward came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::delivery) enum Earlier {
    /// One may have gone out. The first one was made then.
    MayBeOut(Stamp),
    /// One went out. The first one was made then.
    Out(Stamp),
}

impl Earlier {
    /// When the first attempt was made.
    pub(in crate::delivery) fn first_attempt(self) -> Stamp {
        let (Self::MayBeOut(stamp) | Self::Out(stamp)) = self;
        stamp
    }
}

/// The `uuid` stands for another message, receiver or app.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::delivery) struct Reused;
