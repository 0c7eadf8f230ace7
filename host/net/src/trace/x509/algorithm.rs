//! Algorithms and keys, as text for people.

use crate::trace::explain::hex;
use minipki_core::encoding::der::{Decode, Oid, Reader, Tag};
use minipki_core::keys::rsa_public_integers;
use minipki_core::x509::algorithm::rsa;
use minipki_core::x509::{PublicKeyInfo, oid};

use super::oids;

/// The algorithm in the contents of an AlgorithmIdentifier.
pub fn signature(contents: &[u8]) -> String {
    // The parameters of PSS say the hash function. The core knows each set of parameters that it accepts.
    let pss = rsa::ALL.iter().find(|known| known.is_signature_id(contents));
    if let Some(known) = pss {
        return known.name().to_owned();
    }
    let mut fields = Reader::new(contents);
    let Ok(id) = Oid::decode(&mut fields) else { return "malformed".to_owned() };
    match fields.rest() {
        [] | [5, 0] => oids::short(id),
        parameters => format!("{} with the parameters 0x{}", oids::short(id), hex(parameters)),
    }
}

/// A public key, in parts for people.
pub(super) enum Key<'a> {
    Rsa {
        bits: usize,
        modulus: &'a [u8],
        exponent: &'a [u8],
    },
    /// On the curve with this name.
    Curve(String),
    Other(String),
}

/// Reads the parts of a key.
pub(super) fn key<'a>(info: &PublicKeyInfo<'a>) -> Key<'a> {
    let mut fields = Reader::new(info.algorithm());
    let Ok(id) = Oid::decode(&mut fields) else { return Key::Other("malformed".to_owned()) };
    if matches!(id, oid::RSA_ENCRYPTION | oid::RSASSA_PSS)
        && let Ok((modulus, exponent)) = rsa_public_integers(info.key())
    {
        let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        return Key::Rsa { bits: modulus.len() * 8 - unused, modulus, exponent };
    }
    match Oid::decode(&mut fields) {
        Ok(curve) => Key::Curve(oids::short(curve)),
        Err(_) => Key::Other(oids::short(id)),
    }
}

/// The kind and the size of a key, in a few words.
pub fn key_words(info: &PublicKeyInfo<'_>) -> String {
    match key(info) {
        Key::Rsa { bits, .. } => format!("RSA of {bits} bits"),
        Key::Curve(curve) => format!("an elliptic-curve key on {curve}"),
        Key::Other(name) => name,
    }
}

/// The kind of the private key in the DER of PKCS#8, for keys of requests: on P-256, or Ed25519.
pub fn private_key_algorithm(der: &[u8]) -> Option<String> {
    let mut fields = Reader::new(der).nested(Tag::SEQUENCE).ok()?;
    fields.integer(Tag::INTEGER).ok()?;
    let mut algorithm = fields.nested(Tag::SEQUENCE).ok()?;
    let name = oids::name(Oid::decode(&mut algorithm).ok()?)?;
    match Oid::decode(&mut algorithm) {
        Ok(curve) => oids::name(curve).filter(|curve| *curve == "P-256").map(str::to_owned),
        Err(_) => (name == "id-Ed25519").then(|| "Ed25519".to_owned()),
    }
}
