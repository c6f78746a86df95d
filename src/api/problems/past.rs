//! What the earlier attempts of a forward add to its problem.

use crate::api::problems::problem::Problem;
use crate::delivery::Past;

impl Problem {
    /// Says what was before, beside the failure itself.
    pub(crate) fn add(&mut self, past: Past) {
        let (en, zh) = match past {
            Past::NothingOut => return,
            Past::NothingOutSince(time) => (
                format!(
                    " The gateway knows of forwards with this uuid since {time:.0} alone; one before may have gone out."
                ),
                format!("网关只了解 {time:.0} 以来使用该 uuid 的转发；更早的转发可能已送出。"),
            ),
            Past::Unconfirmed(_) => (
                " Another replica may have sent it: the Redis that replicas share cannot be asked, or was found again just now.".to_owned(),
                "其他副本可能已送出：副本共享的 Redis 目前无法查询，或刚刚恢复。".to_owned(),
            ),
            Past::MayBeOut(_) => (
                " An earlier attempt may have gone out.".to_owned(),
                "此前的一次请求可能已送出。".to_owned(),
            ),
            Past::Delivered(_) => (
                " An earlier forward with this uuid was delivered.".to_owned(),
                "此前使用该 uuid 的转发已送达。".to_owned(),
            ),
        };
        self.detail.en.to_mut().push_str(&en);
        self.detail.zh.to_mut().push_str(&zh);
    }
}
