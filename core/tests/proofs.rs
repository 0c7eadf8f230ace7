//! The proofs of protocol §4 and §7, computed with hkdf, hmac, sha2 and x25519-dalek, without any code of the core.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

/// The purpose of a proof, with the secrets that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An enrolment with the token whose SHA-256 this is, or without a token.
    Enrol(Option<[u8; 32]>),
    /// A renewal by the holder of this current private key.
    Renew([u8; 32]),
    /// A revocation by the holder.
    Revoke,
}

/// The public key of a private key.
pub(crate) fn public_key(secret: [u8; 32]) -> [u8; 32] {
    x25519(secret, X25519_BASEPOINT_BYTES)
}

/// `H`: SHA-256 over two frames with these bodies.
pub(crate) fn transcript(request: &[u8], challenge: &[u8]) -> [u8; 32] {
    let frame = |body: &[u8]| [&(body.len() as u32).to_be_bytes(), body].concat();
    Sha256::digest([frame(request), frame(challenge)].concat()).into()
}

/// The proof that `secret` is held, to a CA with this share, after the transcript `h`, for the pinned fingerprint `f`.
pub(crate) fn proof(
    purpose: Purpose,
    secret: [u8; 32],
    share: [u8; 32],
    h: &[u8; 32],
    f: &[u8; 32],
) -> [u8; 32] {
    let (name, salt) = match purpose {
        Purpose::Enrol(token) => ("enrol", token.map(|hash| hash.to_vec()).unwrap_or_default()),
        Purpose::Renew(current) => {
            let label = b"MiniPKI/1 renew";
            ("renew", Sha256::digest([&label[..], &x25519(current, share)].concat()).to_vec())
        }
        Purpose::Revoke => ("revoke", Vec::new()),
    };
    let mut key = [0; 32];
    let label = format!("MiniPKI/1 {name}");
    Hkdf::<Sha256>::new(Some(&salt), &x25519(secret, share))
        .expand(format!("{label} key").as_bytes(), &mut key)
        .expect("32 bytes are a valid length");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(label.as_bytes());
    mac.update(h);
    mac.update(f);
    mac.finalize().into_bytes().into()
}
