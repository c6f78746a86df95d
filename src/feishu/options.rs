//! How to call Feishu.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use url::Url;

/// How to call Feishu.
#[derive(Clone, Debug)]
pub struct Options {
    /// The origin, and a path before `/open-apis` if there is one.
    pub base_url: Url,
    /// Certificates of authorities that are trusted besides the system's.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Longest time for opening a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest time for one call.
    pub attempt_timeout: Duration,
}
