//! The configuration value `state.url`: the address of the Redis that replicas share.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Host;

/// A URL of the form `redis://[USER@]HOST[:PORT][/DB]`, `redis+sentinel://H1[:P1],H2[:P2]/MASTER` or
/// `redis+cluster://H1[:P1],H2[:P2]`. `rediss` instead of `redis` means TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUrl {
    /// The URL as the operator wrote it. It holds no secret, because a URL with a password is refused.
    text: String,
    /// Whether connections use TLS.
    pub tls: bool,
    /// The user name. `None` means Redis' default user.
    pub user: Option<String>,
    /// The addresses of the servers, and their topology.
    pub servers: Servers,
}

/// The addresses of a Redis, and its topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Servers {
    /// A single server.
    One {
        /// The address of the server.
        at: Node,
        /// The number of the database.
        database: i64,
    },
    /// Sentinels, which know the address of the current master.
    Sentinels {
        /// The addresses of the sentinels.
        at: Vec<Node>,
        /// The name of the master in the sentinels' configuration.
        master: String,
    },
    /// A cluster. The listed servers know the addresses of all others.
    Cluster {
        /// The addresses of some of the servers.
        at: Vec<Node>,
    },
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The host's name or address. An IPv6 address has no brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The error for an invalid `state.url`. Its text does not repeat the value, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidStateUrl(&'static str);

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl FromStr for StateUrl {
    type Err = InvalidStateUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStateUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
        if rest.contains(['?', '#']) {
            return Err(InvalidStateUrl("must not have a query or a fragment"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, _)) if user.contains(':') => {
                return Err(InvalidStateUrl(
                    "must not contain a password: set `state.password` or `state.password_file`",
                ));
            }
            Some((user, hosts)) => (Some(user.to_owned()), hosts),
            None => (None, authority),
        };
        let (transport, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match transport {
            "redis" => false,
            "rediss" => true,
            _ => return Err(FORM),
        };
        let servers = match kind {
            "" => Servers::One { at: node(hosts, REDIS_PORT)?, database: database(path)? },
            "sentinel" if path.is_empty() => {
                return Err(InvalidStateUrl("must end with the master's name, as /NAME"));
            }
            "sentinel" => {
                Servers::Sentinels { at: nodes(hosts, SENTINEL_PORT)?, master: path.to_owned() }
            }
            "cluster" if path.is_empty() => Servers::Cluster { at: nodes(hosts, REDIS_PORT)? },
            "cluster" => {
                return Err(InvalidStateUrl(
                    "must end with the hosts: a cluster has only one database",
                ));
            }
            _ => return Err(FORM),
        };
        Ok(Self { text: text.to_owned(), tls, user, servers })
    }
}

const FORM: InvalidStateUrl = InvalidStateUrl(
    "must be like redis://HOST:PORT, redis+sentinel://HOST:PORT,…/MASTER or redis+cluster://HOST:PORT,…, or the same with rediss",
);

fn database(path: &str) -> Result<i64, InvalidStateUrl> {
    if path.is_empty() {
        return Ok(0);
    }
    let number = path.parse::<u16>().map(i64::from);
    number.map_err(|_| InvalidStateUrl("must end with the host or with the number of a database"))
}

fn nodes(hosts: &str, default_port: u16) -> Result<Vec<Node>, InvalidStateUrl> {
    hosts.split(',').map(|one| node(one, default_port)).collect()
}

fn node(text: &str, default_port: u16) -> Result<Node, InvalidStateUrl> {
    let invalid =
        InvalidStateUrl("must name hosts as HOST or HOST:PORT, with IPv6 addresses in brackets");
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| invalid)?),
        _ => (text, default_port),
    };
    if host.contains(',') {
        return Err(invalid);
    }
    let host = match Host::parse(host).map_err(|_| invalid)? {
        Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
    };
    Ok(Node { host, port })
}

impl fmt::Display for StateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> StateUrl {
        text.parse().unwrap()
    }

    fn at(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    #[test]
    fn a_single_server_has_a_given_or_default_port_and_database() {
        let url = read("redis://redis.chat.svc");
        assert_eq!((url.tls, &url.user), (false, &None));
        assert_eq!(url.servers, Servers::One { at: at("redis.chat.svc", 6379), database: 0 });
        let url = read("rediss://gateway@[::1]:6380/3");
        assert_eq!((url.tls, url.user.as_deref()), (true, Some("gateway")));
        assert_eq!(url.servers, Servers::One { at: at("::1", 6380), database: 3 });
        assert_eq!(url.to_string(), "rediss://gateway@[::1]:6380/3");
    }

    #[test]
    fn a_list_of_hosts_is_a_list_of_sentinels_or_of_cluster_servers() {
        let sentinels = read("redis+sentinel://a,b:5000/main").servers;
        let both = vec![at("a", 26379), at("b", 5000)];
        assert_eq!(sentinels, Servers::Sentinels { at: both, master: "main".to_owned() });
        let cluster = read("rediss+cluster://10.0.0.1,10.0.0.2").servers;
        let both = vec![at("10.0.0.1", 6379), at("10.0.0.2", 6379)];
        assert_eq!(cluster, Servers::Cluster { at: both });
    }

    #[test]
    fn the_error_for_an_invalid_url_does_not_repeat_the_url() {
        for text in [
            "localhost:6379",
            "http://localhost",
            "redis+pool://localhost",
            "redis://",
            "redis://a,b",
            "redis://:secret@localhost",
            "redis://localhost:port",
            "redis://localhost/main",
            "redis://localhost?db=1",
            "redis+sentinel://a,b",
            "redis+cluster://a,b/1",
            "redis+cluster://a,,b",
            "redis://::1",
        ] {
            let InvalidStateUrl(detail) = text.parse::<StateUrl>().expect_err(text);
            assert!(detail.starts_with("must ") && !detail.contains("secret"), "{text}: {detail}");
        }
    }
}
