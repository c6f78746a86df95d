//! Who may call the gateway from a web page: origins of pages, and names of the gateway itself.

use std::fmt;

use url::{Host, Url};

/// The origin of web pages (RFC 6454), such as `https://assistant.example.com`, as browsers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    /// Parses an origin: a scheme, a host, and a port unless it is the scheme's own. None if it is not one or more.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok().filter(Url::has_host)?;
        let is_bare = url.path().trim_end_matches('/').is_empty()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let origin = url.origin();
        (is_bare && origin.is_tuple()).then(|| Self(origin.ascii_serialization()))
    }

    /// Whether the header `Origin` names this origin.
    #[must_use]
    pub fn is_named_by(&self, header: &str) -> bool {
        self.0 == header
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name by which callers reach the gateway, such as `gateway.example.com` or `10.0.0.7:8080`. Without a port it
/// stands for every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnName {
    host: Host,
    port: Option<u16>,
}

impl OwnName {
    /// Parses a host and, behind a colon, a port. None if it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // A URL without more than an authority, of a scheme that has no port of its own.
        let is_authority = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let url = Url::parse(&format!("http-without-port://{text}")).ok()?;
        let host = Host::parse(url.host_str()?).ok()?;
        text.chars().all(is_authority).then_some(Self { host, port: url.port() })
    }

    /// Whether the header `Host` holds this name.
    #[must_use]
    pub fn is_in(&self, header: &str) -> bool {
        let named = Self::parse(header);
        named.is_some_and(|it| {
            it.host == self.host && self.port.is_none_or(|port| it.port == Some(port))
        })
    }
}

impl fmt::Display for OwnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_as_browsers_write_them() {
        for (text, shown) in [
            ("https://assistant.example.com", "https://assistant.example.com"),
            ("HTTPS://Assistant.Example.com:443/", "https://assistant.example.com"),
            ("http://localhost:6274", "http://localhost:6274"),
            ("http://[::1]:6274", "http://[::1]:6274"),
        ] {
            let origin = WebOrigin::parse(text).expect(text);
            assert_eq!(origin.to_string(), shown);
            assert!(origin.is_named_by(shown), "{text}");
        }
        for text in [
            "",
            "null",
            "*",
            "example.com",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "file:///a",
        ] {
            assert_eq!(WebOrigin::parse(text), None, "{text}");
        }
        let origin = WebOrigin::parse("https://example.com").expect("an origin");
        for other in [
            "http://example.com",
            "https://example.com:8443",
            "https://example.com.evil",
            "null",
            "",
        ] {
            assert!(!origin.is_named_by(other), "{other}");
        }
    }

    #[test]
    fn a_name_without_a_port_is_that_of_every_port() {
        let name = |text| OwnName::parse(text).expect(text);
        for (text, header) in [
            ("gateway.example.com", "gateway.example.com"),
            ("gateway.example.com", "Gateway.Example.com:8080"),
            ("gateway.example.com:8080", "gateway.example.com:8080"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("[::1]", "[::1]:8080"),
        ] {
            assert!(name(text).is_in(header), "{text} {header}");
            assert_eq!(name(text).to_string(), text);
        }
        for (text, header) in [
            ("gateway.example.com:8080", "gateway.example.com"),
            ("gateway.example.com", "gateway.example.com.evil"),
            ("gateway.example.com", "evil"),
            ("gateway.example.com", ""),
            ("gateway.example.com", "a b"),
        ] {
            assert!(!name(text).is_in(header), "{text} {header}");
        }
        for text in ["", "http://a", "a/b", "a b", "u@a", "a:b", "a:99999"] {
            assert_eq!(OwnName::parse(text), None, "{text}");
        }
    }
}
