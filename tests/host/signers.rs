//! The signers against each other, against `rsa` and against openssl.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength};
use minipki_ca::Signer;
use minipki_core::crypto::rsa::{self, KeySize, SaltLength};
use minipki_core::encoding::pem;
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::SIZES;
use minipki_ifma::Engine;
use minipki_keys::{BatchSigner, KeyError, SignerKind};
use minipki_tests::ca::openssl_key;
use rsa::PublicKey;
use sha2::{Digest, Sha256};

/// A signer from a key's PEM.
type Load = fn(&[u8]) -> Result<Box<dyn Signer>, KeyError>;

/// Each by its name. Batches in plain Rust are among them, so that a machine without AVX-512 IFMA tests all but
/// the instructions.
fn signers() -> Vec<(&'static str, Load)> {
    let mut signers: Vec<(_, Load)> = vec![
        ("aws-lc", |pem| SignerKind::Aws.load(pem)),
        ("portable", |pem| SignerKind::Portable.load(pem)),
        ("batch in plain Rust", |pem| {
            let mut room = vec![0; pem.len()];
            let der = pem::decode("PRIVATE KEY", pem, &mut room).map_err(KeyError::Pem)?;
            Ok(Box::new(BatchSigner::from_pkcs8_der(Engine::portable(), der)?))
        }),
    ];
    if Engine::ifma().is_some() {
        signers.push(("batch", |pem| SignerKind::Batch.load(pem)));
    } else {
        eprintln!("THIS CPU HAS NO AVX-512 IFMA: the batch signer is tested in plain Rust only");
    }
    signers
}

static AWS_PSS: RsaParameters = RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

fn signer(load: Load, size: KeySize) -> Box<dyn Signer> {
    load(openssl_key(size)).expect("openssl makes keys that we read")
}

fn core_accepts(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let salt = SaltLength::Exactly(key.size().max_salt());
    key.verify_pss(&Sha256::digest(message).into(), signature, salt).is_ok()
}

fn aws_accepts(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let mut room = [0; 1024];
    let spki = key.write_spki_der(&mut room).expect("room for any key");
    let key = ParsedPublicKey::new(&AWS_PSS, spki).expect("AWS-LC reads our keys");
    key.verify_sig(message, signature).is_ok()
}

fn rsa_crate_accepts(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    use ::rsa::pkcs8::DecodePublicKey;
    let mut room = [0; 1024];
    let spki = key.write_spki_der(&mut room).expect("room for any key");
    let theirs = ::rsa::PublicKey::from_public_key_der(spki).expect("`rsa` reads our keys");
    let scheme = ::rsa::Pss::<Sha256>::new_with_salt(key.size().max_salt());
    theirs.verify(scheme, &Sha256::digest(message), signature).is_ok()
}

/// Panics unless openssl accepts.
fn openssl_verifies(key: &PublicKey, message: &[u8], signature: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (key_file, signature_file) = (folder.path().join("key.pem"), folder.path().join("signature"));
    let mut room = [0; 1024];
    let pem = key.write_spki_pem(&mut room).expect("room for any key");
    std::fs::write(&key_file, pem).expect("written");
    std::fs::write(&signature_file, signature).expect("written");
    let salt = format!("rsa_pss_saltlen:{}", key.size().max_salt());
    let path = |path: &std::path::Path| path.to_str().expect("a plain path").to_owned();
    let answer = openssl(
        &[
            "dgst",
            "-sha256",
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            &salt,
            "-sigopt",
            "rsa_mgf1_md:sha256",
            "-verify",
            &path(&key_file),
            "-signature",
            &path(&signature_file),
        ],
        message,
    );
    assert_eq!(answer, b"Verified OK\n");
}

#[test]
fn four_verifiers_accept_what_each_signer_signs() {
    for size in SIZES {
        for (name, load) in signers() {
            let mut signer = signer(load, size);
            let messages: [&[u8]; 8] =
                [b"", b"{\"issuer_id\":\"test\"}", &[0xa5; 2000], b"4", b"5", b"6", b"7", b"8"];
            let signatures = signer.sign_many(&messages).expect("signed");
            let key = signer.public_key();
            assert_eq!(signatures.len(), messages.len());
            for (message, signature) in messages.iter().zip(&signatures) {
                let signature = signature.as_bytes();
                assert_eq!(signature.len(), size.bytes());
                assert!(core_accepts(key, message, signature), "core, {name}, {size:?}");
                assert!(aws_accepts(key, message, signature), "AWS-LC, {name}, {size:?}");
                assert!(rsa_crate_accepts(key, message, signature), "rsa, {name}, {size:?}");
                openssl_verifies(key, message, signature);
                // And none accepts just anything.
                assert!(!core_accepts(key, b"other", signature));
                assert!(!aws_accepts(key, b"other", signature));
                assert!(!rsa_crate_accepts(key, b"other", signature));
            }
        }
    }
}

#[test]
fn all_signers_have_the_key_that_openssl_sees() {
    for size in SIZES {
        let expected = openssl(&["pkey", "-pubout", "-outform", "DER"], openssl_key(size));
        for (_, load) in signers() {
            let mut room = [0; 1024];
            let signer = signer(load, size);
            assert_eq!(signer.public_key().write_spki_der(&mut room), Ok(&expected[..]));
        }
    }
}

#[test]
fn a_large_batch_keeps_its_order() {
    let messages: Vec<[u8; 8]> = (0..100u64).map(u64::to_be_bytes).collect();
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; 8]>::as_slice).collect();
    for (_, load) in signers() {
        let mut signer = signer(load, KeySize::Bits2048);
        let signatures = signer.sign_many(&messages).expect("signed");
        assert_eq!(signatures.len(), messages.len());
        for (message, signature) in messages.iter().zip(&signatures) {
            assert!(core_accepts(signer.public_key(), message, signature.as_bytes()));
        }
    }
}

/// Alone, in a batch that is not full, in full ones, and in both: each gets its own signature.
#[test]
fn batches_of_1_to_17_are_signed_in_order() {
    let messages: Vec<[u8; 8]> = (0..17u64).map(u64::to_be_bytes).collect();
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; 8]>::as_slice).collect();
    for size in SIZES {
        for (name, load) in signers() {
            let mut signer = signer(load, size);
            for count in 1..=if name == "portable" { 2 } else { 17 } {
                let signatures = signer.sign_many(&messages[..count]).expect("signed");
                assert_eq!(signatures.len(), count);
                for (message, signature) in messages.iter().zip(&signatures) {
                    assert!(
                        aws_accepts(signer.public_key(), message, signature.as_bytes()),
                        "{name}, {size:?}, {count}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_fills_no_batch_goes_where_it_is_served_soonest() {
    for cores in 1..=16 {
        let batched = |messages| BatchSigner::batched(messages, cores);
        assert_eq!(batched(0), 0);
        assert_eq!(batched(1), 0, "one alone is never held to a batch");
        for full in 1..5 {
            assert_eq!(batched(8 * full), 8 * full, "full batches are signed as such");
        }
        for messages in 0..40 {
            assert!(matches!(messages - batched(messages), 0..8));
        }
    }
    assert_eq!(BatchSigner::batched(5, 1), 0, "five take less than a batch");
    assert_eq!(BatchSigner::batched(6, 1), 6, "six take longer");
    assert_eq!(BatchSigner::batched(7, 2), 0, "but not on two cores");
    assert_eq!(BatchSigner::batched(14, 2), 14, "of which one has a batch to sign");
    assert_eq!(BatchSigner::batched(9, 2), 8);
}

#[test]
fn auto_is_the_fastest_there_is() {
    let expected = match Engine::ifma() {
        Some(_) => SignerKind::Batch,
        None => SignerKind::Aws,
    };
    assert_eq!(SignerKind::default(), SignerKind::Auto);
    assert_eq!(SignerKind::Auto.resolved(), expected);
    SignerKind::Auto.load(openssl_key(KeySize::Bits2048)).expect("whatever it stands for works");
    if expected == SignerKind::Aws {
        let refused = SignerKind::Batch.load(openssl_key(KeySize::Bits2048)).err().expect("no such CPU");
        assert!(refused.to_string().contains("--signer aws-lc"), "{refused}");
    }
}

#[test]
fn an_empty_batch_is_no_work() {
    for (_, load) in signers() {
        assert_eq!(signer(load, KeySize::Bits2048).sign_many(&[]).expect("nothing to do"), []);
    }
}

#[test]
fn salts_are_fresh() {
    for (_, load) in signers() {
        let signatures = signer(load, KeySize::Bits2048).sign_many(&[b"same", b"same"]).expect("signed");
        assert_ne!(signatures[0], signatures[1]);
    }
}

#[test]
fn keys_outside_the_profile_are_refused() {
    let generate = |arguments: &[&str]| openssl(&[&["genpkey", "-quiet"], arguments].concat(), b"");
    let rsa = ["-algorithm", "RSA", "-pkeyopt"];
    let keys = [
        ("1024 bits", generate(&[&rsa[..], &["rsa_keygen_bits:1024"]].concat())),
        ("2056 bits", generate(&[&rsa[..], &["rsa_keygen_bits:2056"]].concat())),
        ("e = 3", generate(&[&rsa[..], &["rsa_keygen_pubexp:3"]].concat())),
        ("three primes", generate(&[&rsa[..], &["rsa_keygen_primes:3"]].concat())),
        ("X25519", generate(&["-algorithm", "X25519"])),
    ];
    for (name, load) in signers() {
        for (what, key) in &keys {
            let refused = load(key).err();
            assert!(
                matches!(refused, Some(KeyError::Key(_) | KeyError::Aws(_))),
                "{what}, {name}: {refused:?}"
            );
        }
    }
}

#[test]
fn what_is_not_pkcs8_pem_is_refused_with_what_would_be() {
    let traditional = openssl(&["pkey", "-traditional"], openssl_key(KeySize::Bits2048));
    let public = openssl(&["pkey", "-pubout"], openssl_key(KeySize::Bits2048));
    for (name, load) in signers() {
        for text in [&traditional[..], &public, b"", b"\x00\xff"] {
            let Err(refused @ KeyError::Pem(_)) = load(text) else {
                panic!("{name} took {}", String::from_utf8_lossy(text));
            };
            assert!(refused.to_string().contains("expected a PKCS#8 key in PEM"), "{refused}");
        }
    }
}

#[test]
fn a_damaged_key_is_refused() {
    let der = openssl(&["pkey", "-outform", "DER"], openssl_key(KeySize::Bits2048));
    // One bit in the middle of the last number, the CRT coefficient.
    let mut damaged = der.clone();
    let place = der.len() - 64;
    damaged[place] ^= 1;
    assert!(minipki_keys::AwsSigner::from_pkcs8_der(&damaged).is_err());
    assert!(minipki_keys::PortableSigner::from_pkcs8_der(&damaged).is_err());
    assert!(BatchSigner::from_pkcs8_der(Engine::portable(), &damaged).is_err());
}
