//! The signature algorithms of X.509.

use minipki_core::crypto::rsa::Rsa2048;
use minipki_core::x509::SignatureAlgorithm;
use minipki_core::x509::algorithm::rsa::{RsaPkcs1, RsaPss};
use minipki_core::x509::algorithm::{ecdsa, ed25519, rsa};

use crate::{any, bytes, keep};

/// All implementations of [`SignatureAlgorithm`].
pub(crate) fn all() {
    rsa::ALL.iter().chain(&ecdsa::ALL).for_each(|algorithm| verify(*any(algorithm)));
    verify(any(&ed25519::ED25519));
    let (pkcs1, pss): (RsaPkcs1<32, Rsa2048>, RsaPss<32, Rsa2048>) = any((RsaPkcs1::new(), RsaPss::new()));
    verify(&pkcs1);
    verify(&pss);
}

fn verify(algorithm: &dyn SignatureAlgorithm) {
    keep(algorithm.name());
    keep((algorithm.is_signature_id(bytes()), algorithm.is_key_id(bytes())));
    keep((algorithm.check_key(bytes()), algorithm.verify(bytes(), bytes(), bytes())));
}
