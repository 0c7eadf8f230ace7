//! The operations on secrets of 32 bytes: agreements, the cipher, hashes, comparisons and key files.

use std::hint::black_box;

use minipki_core::bytes::{Public, Secret, declassify};
use minipki_core::cert::Anchor;
use minipki_core::crypto::x25519::{self, curve32};
use minipki_core::crypto::{Aead, AeadKey, Hash, Kdf, KeyPair, Mac, Portable};
use minipki_core::encoding::base64;
use minipki_core::keys::{Fingerprint, PKCS8_PEM};
use minipki_core::session::{CaRequest, EnrolForm, Enrolment, HolderRevocation};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationReason, Serial};
use subtle::ConstantTimeEq;

use crate::{memcheck, reports};

/// Runs the operations and returns the number of reports.
pub(crate) fn run() -> usize {
    agreements() + proofs() + cipher() + hashes() + comparisons() + texts()
}

/// Secret bytes with different values.
fn secret<const N: usize>() -> [u8; N] {
    let mut bytes = core::array::from_fn(|i| i as u8 ^ 0x5a);
    memcheck::secret(&mut bytes);
    bytes
}

/// Panics unless an operation has succeeded. The success is public.
fn assert_public(success: bool) {
    let mut success = black_box([success]);
    memcheck::public(&mut success);
    assert!(success[0]);
}

/// The u-coordinate of a point of full order.
const POINT: [u8; 32] = *b"\xe6\xdb\x68\x67\x58\x30\x30\xdb\x35\x94\xc1\xa4\x24\xb1\x5f\x7c\
                           \x72\x66\x24\xec\x26\xb3\x35\x3b\x10\xa9\x03\xa6\xd0\xab\x1c\x4c";

fn agreements() -> usize {
    let mut all = 0;
    all += reports("X25519, 64-bit: public key", || {
        black_box(KeyPair::from_secret(Portable::new(), Secret::new(secret())));
    });
    let pair = KeyPair::from_secret(Portable::new(), Secret::new(secret()));
    all += reports("X25519, 64-bit: agreement", || {
        black_box(pair.agree(&POINT)).expect("a point of full order");
    });
    all += reports("X25519, 32-bit: public key", || {
        black_box(curve32::x25519_base(&secret(), &secret()));
    });
    all += reports("X25519, 32-bit: agreement", || {
        black_box(curve32::x25519(&secret(), &POINT, &secret()));
    });
    all
}

/// The proofs of a client: agreements, a derived key and a MAC.
fn proofs() -> usize {
    let pair = || KeyPair::from_secret(Portable::new(), Secret::new(secret()));
    let (key, current, issuer) = (pair(), pair(), Fingerprint([3; 32]));
    let (anchor, serial_number) = (Anchor::from_fingerprint(issuer), Serial::new(1).expect("in range"));
    let share = x25519::PublicKey::new(POINT).expect("canonical");
    let enrolment = |form| Enrolment {
        subject_id: "sensor-17".parse().expect("a name"),
        key: &key,
        anchor: &anchor,
        now: Now::AtLeast(UnixTime::MIN),
        form,
    };
    let mut all = reports("proof of an enrolment with a token", || {
        let form = EnrolForm::Proven { token: Some(Secret::new(secret())) };
        black_box(enrolment(form).prove(&share, &[4; 32])).expect("a share of full order");
    });
    all += reports("proof of a renewal", || {
        let form = EnrolForm::Renewal { serial_number, current: &current };
        black_box(enrolment(form).prove(&share, &[4; 32])).expect("a share of full order");
    });
    all += reports("proof of a revocation", || {
        let reason = RevocationReason::Superseded;
        let revocation = HolderRevocation { serial_number, reason, key: &key, issuer };
        black_box(revocation.prove(&share, &[4; 32])).expect("a share of full order");
    });
    all
}

fn cipher() -> usize {
    let key = Portable::new().aead_key(Secret::new(secret()));
    let (nonce, mut text, mut tag) = ([1; 12], [0; 1000], [0; 16]);
    text.copy_from_slice(&secret::<1000>());
    let mut all = reports("ChaCha20-Poly1305: seal", || {
        tag = key.seal(&nonce, b"associated", &mut text).expect("short");
    });
    // The ciphertext is public.
    memcheck::public(&mut text);
    memcheck::public(&mut tag);
    all += reports("ChaCha20-Poly1305: open", || {
        assert_public(key.open(&nonce, b"associated", &mut text, &tag).is_ok());
    });
    all
}

fn hashes() -> usize {
    let mut all = reports("SHA-256", || {
        black_box(Portable::new().sha256(&[&secret::<100>()]));
    });
    all += reports("HMAC-SHA-256", || {
        black_box(Portable::new().hmac_sha256(&secret::<32>(), &[&secret::<100>()]));
    });
    all += reports("HKDF-SHA-256", || {
        let mut out = [0; 64];
        let prk = Portable::new().extract(&secret::<32>(), &secret::<32>());
        Portable::new().expand(&prk, b"info", &mut out).expect("short");
        black_box(out);
    });
    all
}

fn comparisons() -> usize {
    reports("comparison of secrets, as for a proof", || {
        let equal = Secret::new(secret::<32>()).ct_eq(&Secret::new(secret()));
        assert!(declassify(equal, Public::ProofIsRight));
    })
}

fn texts() -> usize {
    let mut all = reports("X25519 key file: write", || {
        let pair = KeyPair::from_secret(Portable::new(), Secret::new(secret()));
        black_box(pair.write_pkcs8_pem(&mut [0; PKCS8_PEM])).expect("room");
    });
    all += reports("base64: write", || {
        let mut text = [0; 44];
        black_box(base64::encode(&secret::<32>(), &mut text).expect("room"));
    });
    let mut text = "Wk5MSklITU5PUElSUlNUVVZXWFlaW1xdXl9gYWJjZGU=".to_owned();
    let (characters, _padding) = text.split_at_mut(42);
    memcheck::secret_text(characters);
    all += reports("base64: read", || {
        assert_public(base64::decode_array::<32>(&text).is_ok());
    });
    all
}
