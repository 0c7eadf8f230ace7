//! RSA signatures against the `rsa` crate, in both directions, and what must be refused.

use minipki_core::crypto::rsa::{Error, SaltLength};
use minipki_tests::rsa_keys::{SIZES, oracle, private, public, rng};
use proptest::prelude::*;
use rsa::Pss;
use rsa::sha2::Sha256;

/// Room for the largest signature.
const ROOM: usize = 512;

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 12, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn the_oracle_verifies_our_pss(digest: [u8; 32], salt in prop::collection::vec(any::<u8>(), 0..=222)) {
        for size in SIZES {
            let mut out = [0; ROOM];
            let mut key = private(size);
            let signature = key.sign_pss(&digest, &salt, &mut rng(1), &mut out).expect("a signature");
            let theirs = oracle(size).to_public_key();
            prop_assert_eq!(theirs.verify(Pss::<Sha256>::new_with_salt(salt.len()), &digest, signature), Ok(()));
            prop_assert_eq!(public(size).verify_pss(&digest, signature, SaltLength::Exactly(salt.len())), Ok(()));
        }
    }
}

#[test]
fn refusals() {
    for size in SIZES {
        let mut out = [0; ROOM];
        let mut key = private(size);
        assert_eq!(key.sign_pss(&[0; 32], &[0; ROOM], &mut rng(1), &mut out), Err(Error::SaltLength));
    }
}
