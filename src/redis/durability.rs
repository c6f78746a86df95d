//! What Redis loses of what it was told, by its configuration.

use redis::Script;

use super::client::RedisClient;
use super::unavailable::Unavailable;

/// By `INFO`, because many a Redis forbids `CONFIG`. If it forbids that too, nothing is known.
const ASK: &str = "
local function info(section)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and text or ''
end
return info('persistence') .. info('memory')
";

/// What a Redis may lose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durability {
    /// Whether a restart loses it.
    loses_at_restart: bool,
    /// The policy by which it is removed when the memory is full.
    evicted_by: Option<String>,
}

impl Durability {
    /// Asks the Redis that has the keys which begin with `prefix`.
    pub async fn ask(redis: &RedisClient, prefix: &str) -> Result<Self, Unavailable> {
        let script = Script::new(ASK);
        let info: String = redis.run("info", &script.key(format!("{{{prefix}}}:info"))).await?;
        Ok(Self::read(&info))
    }

    /// From the text of `INFO`.
    fn read(info: &str) -> Self {
        let value = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.trim_end().split_once(':'));
            lines.find(|it| it.0 == name).map(|it| it.1)
        };
        // Other policies remove only what expires, which is nothing that still counts.
        let policy = value("maxmemory_policy").filter(|it| it.starts_with("allkeys-"));
        let is_bounded = value("maxmemory") != Some("0");
        Self {
            loses_at_restart: value("aof_enabled") == Some("0"),
            evicted_by: policy.filter(|_| is_bounded).map(|it| it.chars().take(32).collect()),
        }
    }

    /// A sentence for the operator for each way in which broadcasts may be lost.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let restart = self.loses_at_restart.then(|| {
            "broadcasts: this Redis loses everything in a restart (appendonly no): set appendonly yes and appendfsync everysec or always"
                .to_owned()
        });
        let eviction = self.evicted_by.as_ref().map(|policy| {
            format!(
                "broadcasts: this Redis removes them when its memory is full (maxmemory-policy {policy}): set \
                 maxmemory-policy noeviction"
            )
        });
        restart.into_iter().chain(eviction).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::testing::TestRedis;

    const SAFE: &str = "# Persistence\r\nloading:0\r\naof_enabled:1\r\n# Memory\r\nmaxmemory:100\r\n\
        maxmemory_policy:noeviction\r\n";

    #[test]
    fn a_redis_that_loses_nothing_is_not_warned_of() {
        let unknown = ["", "aof_enabled", "\0:\0", "-NOPERM"];
        let policies = ["noeviction", "volatile-lru", "volatile-ttl"];
        let safe = policies.map(|it| SAFE.replace("noeviction", it));
        let unbounded =
            SAFE.replace("noeviction", "allkeys-lru").replace("maxmemory:100", "maxmemory:0");
        for info in unknown.into_iter().chain(safe.iter().map(|it| &**it)).chain([&*unbounded]) {
            assert_eq!(Durability::read(info).warnings(), [""; 0], "{info}");
        }
    }

    #[test]
    fn each_way_to_lose_broadcasts_has_its_warning() {
        let without_file = SAFE.replace("aof_enabled:1", "aof_enabled:0");
        let warnings = Durability::read(&without_file).warnings();
        assert!(matches!(&warnings[..], [it] if it.contains("appendonly yes")), "{warnings:?}");
        let evicting = without_file.replace("noeviction", "allkeys-lfu");
        let warnings = Durability::read(&evicting).warnings();
        assert!(matches!(&warnings[..], [_, it] if it.contains("allkeys-lfu")), "{warnings:?}");
    }

    #[test]
    fn a_real_redis_says_what_it_keeps() {
        let real = TestRedis::new();
        let store = real.store();
        let script = Script::new(ASK);
        let info: String = real.wait(store.run("test", &script.key(&real.prefix)));
        assert!(info.contains("aof_enabled:") && info.contains("maxmemory_policy:"), "{info}");
        let asked = real.wait(Durability::ask(&store, &real.prefix));
        assert_eq!(asked.loses_at_restart, info.contains("aof_enabled:0"));
    }
}
