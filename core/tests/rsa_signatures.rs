//! RSA signatures against the `rsa` crate and openssl, in both directions, and refused signatures.

use minipki_core::crypto::rsa::{Error, KeySize, PrivateKey, SaltLength};
use minipki_core::crypto::{Hash, Portable, VerifySignature};
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::{SIZES, broken, numbers, oracle, private, public, rng, spki_der};
use proptest::prelude::*;
use rsa::sha2::Sha256;
use rsa::{Pkcs1v15Sign, Pss};

/// Room for the largest signature.
const ROOM: usize = 512;

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn pss_in_both_directions(digest: [u8; 32], salt in prop::collection::vec(any::<u8>(), 0..=222), seed: u64) {
        for size in SIZES {
            let mut out = [0; ROOM];
            let signature = private(size).sign_pss(&digest, &salt, &mut rng(seed), &mut out).expect("a signature");
            let padding = || Pss::<Sha256>::new_with_salt(salt.len());
            prop_assert_eq!(oracle(size).as_public_key().verify(padding(), &digest, signature), Ok(()));
            let exactly = SaltLength::Exactly(salt.len());
            prop_assert_eq!(public(size).verify_pss(&digest, signature, exactly), Ok(()));

            let theirs = oracle(size).sign_with_rng(&mut rng(seed), padding(), &digest).expect("a signature");
            prop_assert_eq!(public(size).verify_pss(&digest, &theirs, exactly), Ok(()));
            prop_assert_eq!(Portable::new().verify_pss_sha256(&public(size), &digest, &theirs, exactly), Ok(()));
        }
    }

    #[test]
    fn pkcs1_to_the_byte(digest: [u8; 32], seed: u64) {
        for size in SIZES {
            let mut out = [0; ROOM];
            let signature = private(size).sign_pkcs1(&digest, &mut rng(seed), &mut out).expect("a signature");
            let theirs = oracle(size).sign(Pkcs1v15Sign::new::<Sha256>(), &digest).expect("a signature");
            prop_assert_eq!(signature, &theirs[..]);
            prop_assert_eq!(public(size).verify_pkcs1(&digest, signature), Ok(()));
        }
    }
}

#[test]
fn openssl_verifies_our_pss() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    for size in SIZES {
        let message = b"openssl reads this";
        let (mut out, salt) = ([0; ROOM], vec![7; size.max_salt()]);
        let digest = Portable::new().sha256(&[message]);
        let signature = private(size).sign_pss(&digest, &salt, &mut rng(2), &mut out).expect("a signature");
        std::fs::write(path("key.der"), spki_der(size)).expect("written");
        std::fs::write(path("signature"), signature).expect("written");
        let (key, signature) = (path("key.der"), path("signature"));
        #[rustfmt::skip]
        let output = openssl(
            &[
                "dgst", "-sha256", "-keyform", "DER", "-verify", &key, "-signature", &signature,
                "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max", "-sigopt", "rsa_mgf1_md:sha256",
            ],
            message,
        );
        assert_eq!(String::from_utf8_lossy(&output).trim(), "Verified OK");
    }
}

#[test]
fn a_key_signs_on_beyond_its_blinding_factors() {
    let mut key = private(KeySize::Bits2048);
    let mut rng = rng(3);
    let mut first = [0; ROOM];
    let first = key.sign_pkcs1(&[1; 32], &mut rng, &mut first).expect("a signature").to_vec();
    for _ in 0..100 {
        let mut out = [0; ROOM];
        assert_eq!(
            key.sign_pkcs1(&[1; 32], &mut rng, &mut out),
            Ok(&first[..]),
            "blinding shows in a signature"
        );
    }
}

#[test]
fn every_changed_byte_is_refused() {
    for size in SIZES {
        let (digest, mut pss, mut pkcs1) = ([3; 32], [0; ROOM], [0; ROOM]);
        let mut key = private(size);
        let len = key.sign_pss(&digest, &[9; 32], &mut rng(4), &mut pss).expect("a signature").len();
        key.sign_pkcs1(&digest, &mut rng(4), &mut pkcs1).expect("a signature");
        let (pss, pkcs1) = (&mut pss[..len], &mut pkcs1[..len]);
        let key = public(size);
        for at in 0..len {
            let change = 1 << (at % 8);
            pss[at] ^= change;
            pkcs1[at] ^= change;
            assert_eq!(
                key.verify_pss(&digest, pss, SaltLength::AtLeast(0)),
                Err(Error::Signature),
                "byte {at}"
            );
            assert_eq!(key.verify_pkcs1(&digest, pkcs1), Err(Error::Signature), "byte {at}");
            pss[at] ^= change;
            pkcs1[at] ^= change;
        }
        for at in 0..32 {
            let mut digest = digest;
            digest[at] ^= 0x80;
            // The padding is that of this key.
            assert_eq!(key.verify_pss(&digest, pss, SaltLength::AtLeast(0)), Err(Error::OtherDigest));
            assert_eq!(key.verify_pkcs1(&digest, pkcs1), Err(Error::Signature));
        }
        assert_eq!(key.verify_pss(&digest, pss, SaltLength::Exactly(32)), Ok(()), "the restored signature");
        assert_eq!(key.verify_pkcs1(&digest, pss), Err(Error::Signature), "PSS is no PKCS#1");
        assert_eq!(key.verify_pss(&digest, pkcs1, SaltLength::AtLeast(0)), Err(Error::Signature));
    }
}

#[test]
fn wrong_lengths_are_refused() {
    for size in SIZES {
        let (digest, mut out) = ([5; 32], [0; ROOM + 1]);
        let mut key = private(size);
        let len = key.sign_pss(&digest, &[], &mut rng(5), &mut out).expect("without salt").len();
        assert_eq!(len, size.bytes());
        for wrong in (0..=ROOM + 1).filter(|wrong| *wrong != len) {
            let signature = &out[..wrong];
            assert_eq!(
                key.public().verify_pss(&digest, signature, SaltLength::AtLeast(0)),
                Err(Error::SignatureLength)
            );
            assert_eq!(key.public().verify_pkcs1(&digest, signature), Err(Error::SignatureLength));
        }
        assert_eq!(key.sign_pss(&digest, &[], &mut rng(5), &mut out[..len - 1]), Err(Error::BufferTooSmall));
        assert_eq!(key.sign_pkcs1(&digest, &mut rng(5), &mut []), Err(Error::BufferTooSmall));
        let longest = vec![0; size.max_salt() + 1];
        assert_eq!(key.sign_pss(&digest, &longest, &mut rng(5), &mut out), Err(Error::SaltLength));
        assert!(key.sign_pss(&digest, &longest[1..], &mut rng(5), &mut out).is_ok());
    }
}

#[test]
fn representatives_not_below_the_modulus_are_refused() {
    for size in SIZES {
        let key = public(size);
        let n = numbers(size).n;
        for signature in [n.clone(), vec![0xff; n.len()]] {
            assert_eq!(key.verify_pss(&[0; 32], &signature, SaltLength::AtLeast(0)), Err(Error::Signature));
            assert_eq!(key.verify_pkcs1(&[0; 32], &signature), Err(Error::Signature));
        }
        for value in [0, 1] {
            let mut signature = vec![0; n.len()];
            signature[n.len() - 1] = value;
            assert_eq!(key.verify_pss(&[0; 32], &signature, SaltLength::AtLeast(0)), Err(Error::Signature));
        }
    }
}

#[test]
fn a_fault_gives_no_signature() {
    for size in SIZES {
        let der = broken(size).pkcs1_der();
        let mut key = <PrivateKey>::from_pkcs1_der(&der).expect("all parts fit each other");
        for turn in 0..2 {
            let mut out = [0; ROOM];
            assert_eq!(key.sign_pss(&[6; 32], &[1; 32], &mut rng(turn), &mut out), Err(Error::FaultDetected));
            let left = &out[..size.bytes()];
            assert_eq!(left.last(), Some(&0xbc), "what is left is the encoded message, no signature");
            assert_eq!(key.sign_pkcs1(&[6; 32], &mut rng(turn), &mut out), Err(Error::FaultDetected));
        }
    }
}
