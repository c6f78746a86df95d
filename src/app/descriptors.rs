//! The file descriptors of the process, and how many of them callers get. Callers never use up those for Feishu,
//! Redis, health checks and files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Connections to the admin listener at the same time.
const ADMIN_CONNECTIONS: usize = 256;
/// Connections that each worker may have accepted but not admitted yet.
pub(super) const AT_THE_DOOR: usize = 8;
/// Descriptors that each worker needs for itself: its poll instance and its waker.
const PER_WORKER: usize = 4;
/// Descriptors for everything else: Redis and the nodes of a cluster, name servers, listeners, files.
const FOR_THE_REST: usize = 64;

/// How many connections there may be at the same time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// To the API.
    pub(super) public: usize,
    /// To metrics and health.
    pub(super) admin: usize,
    /// To the listener of events, if there is one.
    pub(super) events: usize,
}

/// Raises the limit on descriptors as far as the process may, and returns it. None if there is no limit.
pub(super) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
        return limit.current;
    }
    limit.maximum
}

/// Divides the descriptors, and warns if callers get fewer connections than configured.
pub(super) fn share(config: &Config, workers: usize, limit: Option<u64>) -> Share {
    let configured = config.server.max_connections;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let admin = ADMIN_CONNECTIONS.min(limit / 8).max(1);
    let events = config.server.events_listen.map_or(0, |_| admin);
    let reserve = calls_to_feishu(config)
        .saturating_add(admin)
        .saturating_add(events)
        .saturating_add((workers + 1) * (AT_THE_DOOR + PER_WORKER))
        .saturating_add(FOR_THE_REST);
    // Even if the limit is tiny, callers get a part of it.
    let public = configured.min(limit.saturating_sub(reserve).max(limit / 4).max(1));
    if public < configured {
        tracing::warn!(
            limit,
            reserve,
            configured,
            max_connections = public,
            "the limit on open files (ulimit -n) is too low for server.max_connections; the gateway allows fewer connections"
        );
    }
    Share { public, admin, events }
}

/// How many calls to Feishu there may be at the same time: each app's limit for the longest time of a call, but
/// no more than requests in flight.
fn calls_to_feishu(config: &Config) -> usize {
    let seconds = config.feishu.attempt_timeout.as_secs() + 1;
    let of_one_app = u64::from(config.limits.app_per_second.get()).saturating_mul(seconds);
    let of_all = of_one_app.saturating_mul(config.apps.len() as u64);
    usize::try_from(of_all).unwrap_or(usize::MAX).min(config.server.max_in_flight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn shares(variables: &[(&str, &str)], limit: Option<u64>) -> Share {
        let base =
            [("GATEWAY__APPS__MAIN__APP_ID", "cli_1"), ("GATEWAY__APPS__MAIN__APP_SECRET", "s")];
        let all =
            base.iter().chain(variables).map(|(name, value)| ((*name).into(), (*value).into()));
        share(&load(None, all).expect("right"), 2, limit)
    }

    #[test]
    fn callers_get_what_is_configured_where_the_limit_allows_it() {
        for limit in [None, Some(u64::MAX), Some(1 << 20), Some(8192)] {
            assert_eq!(shares(&[], limit), Share { public: 4096, admin: 256, events: 0 });
        }
    }

    #[test]
    fn what_forwards_health_and_files_need_is_kept_from_callers() {
        // 300 calls of the app's, 128 to the admin listener, 12 for each worker, and the rest.
        let kept = 300 + 128 + 3 * 12 + 64;
        assert_eq!(shares(&[], Some(1024)), Share { public: 1024 - kept, admin: 128, events: 0 });
        // No more calls than there are requests.
        let few = [("GATEWAY__SERVER__MAX_IN_FLIGHT", "100")];
        assert_eq!(shares(&few, Some(1024)).public, 1024 - kept + 200);
    }

    #[test]
    fn events_get_as_many_as_health_where_they_have_a_listener_of_their_own() {
        let own = [("GATEWAY__SERVER__EVENTS_LISTEN", "127.0.0.1:8081")];
        assert_eq!(shares(&own, None), Share { public: 4096, admin: 256, events: 256 });
        assert_eq!(shares(&own, Some(1024)).public, shares(&[], Some(1024)).public - 128);
    }

    #[test]
    fn everybody_gets_a_part_of_a_limit_that_is_too_small_for_all() {
        assert_eq!(shares(&[], Some(256)), Share { public: 64, admin: 32, events: 0 });
        assert_eq!(shares(&[], Some(3)), Share { public: 1, admin: 1, events: 0 });
    }
}
