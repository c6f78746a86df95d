//! `uuid`s in a real Redis, which `TEST_STATE_URL` names; without one these tests hold nothing.

use super::*;
use crate::store::real::RealRedis;

const IDENTITY: Identity = Identity { name: 7, content: 1, at_feishu: 3, is_chosen: true };

struct Stage(RealRedis, Arc<SharedUuids>);

impl Stage {
    fn new() -> Option<Self> {
        let redis = RealRedis::new()?;
        let uuids = SharedUuids::new(redis.store(), &redis.prefix, Clock::system());
        Some(Self(redis, Arc::new(uuids)))
    }

    fn join(&self, identity: Identity) -> (Joined, Result<Option<Elsewhere>, Reused>) {
        let joined = self.1.to_join(identity);
        let heard = self.0.wait(joined.join());
        (joined, heard)
    }

    /// Leaves and waits until that has arrived.
    fn leave(&self, joined: Joined, end: Option<End>) {
        self.0.wait(async {
            if let Some(end) = end {
                joined.sends();
                joined.ended(end);
            }
            drop(joined);
            // During the first question it is sent; the second one is answered after it.
            for _ in 0..2 {
                self.1.run(&self.1.call("look", &IDENTITY, "")).await?;
            }
            Ok(())
        });
    }

    fn earlier(&self) -> Option<bool> {
        let (joined, heard) = self.join(IDENTITY);
        self.leave(joined, None);
        heard.expect("not reused").map(|it| it.is_out)
    }
}

#[test]
fn what_one_replica_has_sent_the_others_know_and_a_refusal_does_not_undo_it() {
    let Some(stage) = Stage::new() else { return };
    assert_eq!(stage.earlier(), None);
    let ends = [
        (End::NotOut, None),
        (End::Unknown, Some(false)),
        (End::NotOut, Some(false)),
        (End::Out, Some(true)),
        (End::NotOut, Some(true)),
    ];
    for (end, earlier) in ends {
        let (joined, _) = stage.join(IDENTITY);
        stage.leave(joined, Some(end));
        assert_eq!(stage.earlier(), earlier, "{end:?}");
    }
}

#[test]
fn another_message_is_refused_while_one_is_at_work_and_after_it() {
    let Some(stage) = Stage::new() else { return };
    let other = Identity { content: 2, ..IDENTITY };
    let (joined, _) = stage.join(IDENTITY);
    let (refused, heard) = stage.join(other);
    assert_eq!(heard, Err(Reused));
    // Who was refused is not among those at work, and takes nothing away from them.
    stage.leave(refused, None);
    let (also, heard) = stage.join(IDENTITY);
    assert!(heard.is_ok_and(|it| it.is_some_and(|it| !it.is_out)));
    stage.leave(also, None);
    stage.leave(joined, Some(End::Out));
    let (refused, heard) = stage.join(other);
    assert_eq!(heard, Err(Reused));
    stage.leave(refused, None);
}
