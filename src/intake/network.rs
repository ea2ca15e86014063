//! A network in CIDR notation: who connects from it authenticates their own submitters.
//!
//! Never resolves a name. Start with [`Network::contains`].

use std::net::IpAddr;
use std::str::FromStr;

/// A network, or one host when written without a prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("is not a network: expected something like 192.0.2.0/24 or 2001:db8::/32")]
    Syntax,
    /// `192.0.2.1/24` may mean the host or the network; trust is no place to guess.
    #[error("has bits set behind its prefix length: write the network, or the one host without /")]
    HostBits,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address that came over an IPv6 socket counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                self.same_prefix(own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                self.same_prefix(own.to_bits(), other.to_bits(), 128)
            }
            _ => false,
        }
    }

    fn same_prefix(&self, own: u128, other: u128, width: u32) -> bool {
        let differing = own ^ other;
        self.prefix_bits == 0 || differing >> (width - self.prefix_bits) == 0
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Syntax)?;
        let (bits, width) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let prefix_bits = match prefix {
            Some(prefix) => prefix.parse::<u32>().map_err(|_| NetworkError::Syntax)?,
            None => width,
        };
        if prefix_bits > width {
            return Err(NetworkError::Syntax);
        }
        let host_bits = width - prefix_bits;
        if host_bits == 128 && bits != 0 || host_bits < 128 && bits & ((1 << host_bits) - 1) != 0 {
            return Err(NetworkError::HostBits);
        }
        Ok(Self { address, prefix_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_its_hosts_and_no_others() {
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "::1"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
    }

    #[test]
    fn a_network_that_may_be_a_slip_is_refused() {
        for text in ["", "example.org", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Syntax), "{text:?}");
        }
        for text in ["192.0.2.1/24", "::1/0"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::HostBits), "{text:?}");
        }
    }
}
