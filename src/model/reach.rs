//! Which addresses the gateway may post to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The addresses that the gateway may post to: those of the public internet, and those in configured networks.
///
/// An address that reaches another one through a translation, such as NAT64, counts as that other one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<IpNet>);

/// What IANA's registry of special IPv4 addresses holds. Clouds have their metadata in link-local addresses.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // A public address, under which each machine in Azure finds its own platform.
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The only IPv6 addresses that IANA has given to the public internet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0], 3);
/// What the registry of special IPv6 addresses holds of them: tunnels and benchmarks, and documentation.
const SPECIAL_V6: [Ipv6Net; 3] =
    [v6([0x2001, 0, 0], 23), v6([0x2001, 0xdb8, 0], 32), v6([0x3fff, 0, 0], 20)];
/// 6to4: the IPv4 address follows the prefix.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0], 16);
/// NAT64: the IPv4 address is at the end.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c]: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

impl Reach {
    /// The public internet and these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the gateway may post to this address.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.0.iter().any(|it| it.contains(&address)) {
            return true;
        }
        match address {
            IpAddr::V4(address) => !SPECIAL_V4.iter().any(|it| it.contains(&address)),
            IpAddr::V6(address) => match translated(address) {
                Some(address) => self.allows(IpAddr::V4(address)),
                None => {
                    GLOBAL_V6.contains(&address)
                        && !SPECIAL_V6.iter().any(|it| it.contains(&address))
                }
            },
        }
    }
}

/// The IPv4 address that is reached through this one.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = address.octets();
    let from = match address {
        it if NAT64.contains(&it) => 12,
        it if SIX_TO_FOUR.contains(&it) => 2,
        _ => return None,
    };
    let [a, b, c, d] = *bytes.get(from..)?.first_chunk()?;
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(networks: &[&str]) -> Reach {
        Reach::new(networks.iter().map(|it| it.parse().unwrap()).collect())
    }

    fn allows(networks: &[&str], address: &str) -> bool {
        reach(networks).allows(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2400:3200::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(allows(&[], address), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_not_of_the_public_internet_are_refused_in_every_form() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            let v4: Ipv4Addr = address.parse().unwrap();
            let [a, b, c, d] = v4.octets();
            let low = format!("{a:02x}{b:02x}:{c:02x}{d:02x}");
            for form in [
                address.to_owned(),
                format!("::ffff:{address}"),
                format!("::{address}"),
                format!("64:ff9b::{address}"),
                format!("2002:{low}::1"),
            ] {
                assert!(!allows(&[], &form), "{form}");
            }
        }
        for address in [
            "::",
            "::1",
            "64:ff9b:1::1.1.1.1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!allows(&[], address), "{address}");
        }
    }

    #[test]
    fn a_configured_network_is_allowed_and_no_other_one() {
        for (network, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("10.1.0.0/16", "::ffff:10.1.0.1", "::ffff:10.2.0.1"),
            ("10.1.0.0/16", "64:ff9b::10.1.0.1", "64:ff9b::10.2.0.1"),
            ("127.0.0.1/32", "127.0.0.1", "127.0.0.2"),
            ("fd00:1::/32", "fd00:1::9", "fd00:2::9"),
            ("::1/128", "::1", "127.0.0.1"),
        ] {
            assert!(allows(&[network], inside), "{network} {inside}");
            assert!(!allows(&[network], outside), "{network} {outside}");
        }
    }
}
