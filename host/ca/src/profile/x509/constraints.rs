//! Name constraints (RFC 5280 §4.2.1.10): the names that a CA certificate permits, and no others.

use std::net::IpAddr;
use std::str::FromStr;

use der::asn1::{Ia5String, OctetString};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;

/// A name that does not exist (RFC 2606 §2). It is the only permitted name of a kind without real names.
const INVALID_NAME: &str = "minipki.invalid";

/// The IP addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork {
    address: IpAddr,
    bits: u8,
}

/// A text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an IP address nor a network such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct IpNetworkError;

impl IpNetwork {
    /// The network with one address.
    const fn of_one(address: IpAddr) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether `address` is in the network.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && Self { address, ..*self }.octets() == self.octets()
    }

    /// The address and the mask, one after the other (RFC 5280 §4.2.1.10).
    fn octets(&self) -> Vec<u8> {
        let address = octets(self.address);
        let mask = (0..address.len()).map(|octet| {
            let ones = usize::from(self.bits).saturating_sub(8 * octet).min(8);
            // The first `ones` bits of an octet.
            !(0xff_u8.checked_shr(ones as u32).unwrap_or(0))
        });
        let mask: Vec<u8> = mask.collect();
        let network = address.iter().zip(&mask).map(|(octet, mask)| octet & mask);
        network.chain(mask.iter().copied()).collect()
    }
}

impl FromStr for IpNetwork {
    type Err = IpNetworkError;

    /// Reads an address, or a network as `ADDRESS/BITS` (RFC 4632 §3.1, RFC 4291 §2.3).
    fn from_str(text: &str) -> Result<Self, IpNetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let one = Self::of_one(address.parse().map_err(|_| IpNetworkError)?);
        match bits.map(str::parse::<u8>) {
            None => Ok(one),
            Some(Ok(bits)) if bits <= one.bits => Ok(Self { bits, ..one }),
            Some(_) => Err(IpNetworkError),
        }
    }
}

/// The names that a CA certificate permits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permitted {
    /// DNS names. Each permits its subdomains too.
    pub dns: Vec<String>,
    /// IP addresses.
    pub networks: Vec<IpNetwork>,
}

impl Permitted {
    /// These names, and no other DNS name, IP address or e-mail address.
    pub const fn new(dns: Vec<String>, networks: Vec<IpNetwork>) -> Self {
        Self { dns, networks }
    }

    /// Whether no name is given, so that nothing is constrained.
    pub fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.networks.is_empty()
    }

    /// Permits these names, and no other DNS name, IP address or e-mail address. A kind without an entry would be
    /// unconstrained. So each kind permits a name that does not exist, and IP addresses of a version without a network are
    /// excluded.
    pub(super) fn to_name_constraints(&self) -> der::Result<NameConstraints> {
        let invalid = Ia5String::new(INVALID_NAME)?;
        let mut permitted =
            vec![subtree(GeneralName::Rfc822Name(invalid.clone())), subtree(GeneralName::DnsName(invalid))];
        for name in &self.dns {
            permitted.push(subtree(GeneralName::DnsName(Ia5String::new(name)?)));
        }
        for network in &self.networks {
            permitted.push(subtree(GeneralName::IpAddress(OctetString::new(network.octets())?)));
        }
        // An address and a mask of zeros match all addresses of that version.
        let mut excluded = Vec::new();
        for (v4, length) in [(true, 8), (false, 32)] {
            if !self.networks.iter().any(|network| network.address.is_ipv4() == v4) {
                excluded.push(subtree(GeneralName::IpAddress(OctetString::new(vec![0; length])?)));
            }
        }
        let excluded_subtrees = (!excluded.is_empty()).then_some(excluded);
        Ok(NameConstraints { permitted_subtrees: Some(permitted), excluded_subtrees })
    }
}

const fn subtree(base: GeneralName) -> GeneralSubtree {
    GeneralSubtree { base, minimum: 0, maximum: None }
}

pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_an_address_and_a_mask_of_the_same_length() {
        for (text, octets) in [
            ("192.0.2.7", vec![192, 0, 2, 7, 255, 255, 255, 255]),
            ("192.0.2.7/20", vec![192, 0, 0, 0, 255, 255, 240, 0]),
            ("10.1.2.3/0", vec![0; 8]),
            ("2001:db8::/32", [&[0x20, 1, 0xd, 0xb8][..], &[0; 12], &[255; 4], &[0; 12]].concat()),
        ] {
            assert_eq!(text.parse::<IpNetwork>().expect(text).octets(), octets, "{text}");
        }
        for text in ["", "192.0.2", "192.0.2.0/33", "::/129", "192.0.2.0/", "example.org", "192.0.2.0/24/2"] {
            assert_eq!(text.parse::<IpNetwork>(), Err(IpNetworkError), "{text}");
        }
    }
}
