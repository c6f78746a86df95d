//! The way to Feishu: directly, or by a proxy that the environment names.

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::feishu;

/// The way to Feishu.
pub(super) struct Route {
    /// The host of Feishu's API.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
    /// The proxy in between.
    pub(super) proxy: Option<Proxy>,
}

/// A proxy.
pub(super) struct Proxy {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// The header with its user and password.
    pub(super) authorization: Option<HeaderValue>,
}

impl Route {
    /// The way that the gateway's own calls take: `Matcher` is what reqwest asks too.
    pub(super) fn to(base_url: &Url) -> Self {
        let bypasses = feishu::is_loopback(base_url);
        let uri: Option<Uri> = base_url.as_str().parse().ok().filter(|_| !bypasses);
        let proxy = uri.and_then(|it| Matcher::from_system().intercept(&it)).map(|found| {
            let uri = found.uri();
            let scheme = uri.scheme_str().unwrap_or("http").to_owned();
            let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
            let host = uri.host().unwrap_or_default().to_owned();
            Proxy { scheme, host, port, authorization: found.basic_auth().cloned() }
        });
        Self {
            host: bare(base_url.host_str().unwrap_or_default()),
            port: base_url.port_or_known_default().unwrap_or(443),
            is_tls: base_url.scheme() == "https",
            proxy,
        }
    }

    /// The host and the port of the first connection: those of the proxy if there is one.
    pub(super) fn first_hop(&self) -> (String, u16) {
        match &self.proxy {
            Some(proxy) => (bare(&proxy.host), proxy.port),
            None => (self.host.clone(), self.port),
        }
    }
}

/// A host without the brackets of an IPv6 address, as names are looked up.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}
