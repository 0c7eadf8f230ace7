//! The signature algorithms of X.509.

use minipki_core::x509::SignatureAlgorithm;
use minipki_core::x509::algorithm::{ecdsa, ed25519, rsa};

fn algorithms() -> Vec<&'static dyn SignatureAlgorithm> {
    let ed25519: &dyn SignatureAlgorithm = &ed25519::ED25519;
    [&rsa::ALL[..], &ecdsa::ALL, &[ed25519]].concat()
}

minipki_fixtures::signature_tests!(&algorithms());
