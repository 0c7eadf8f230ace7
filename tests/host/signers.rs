//! The signers, checked with each other, with `rsa` and with openssl.

use SignatureAlgorithm::{RsaPkcs1, RsaPss};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength,
};
use minipki_ca::{SignatureAlgorithm, Signer};
use minipki_core::crypto::rsa::{self, KeySize, SaltLength};
use minipki_core::encoding::pem;
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::SIZES;
use minipki_ifma::Engine;
use minipki_keys::{BatchSigner, KeyError, SignerKind};
use minipki_tests::advice;
use minipki_tests::ca::openssl_key;
use rsa::PublicKey;
use sha2::{Digest, Sha256};

/// Loads a signer from a key in PEM.
type Load = fn(&[u8]) -> Result<Box<dyn Signer>, KeyError>;

/// The name and the loader of each signer. Batches in plain Rust are among them, so that a machine without AVX-512 IFMA
/// tests everything except the instructions.
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

fn core_accepts(algorithm: SignatureAlgorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let digest = Sha256::digest(message).into();
    match algorithm {
        RsaPss => key.verify_pss(&digest, signature, SaltLength::Exactly(key.size().max_salt())).is_ok(),
        RsaPkcs1 => key.verify_pkcs1(&digest, signature).is_ok(),
    }
}

fn aws_accepts(algorithm: SignatureAlgorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let mut room = [0; 1024];
    let spki = key.write_spki_der(&mut room).expect("room for any key");
    let parameters = match algorithm {
        RsaPss => &AWS_PSS,
        RsaPkcs1 => &RSA_PKCS1_2048_8192_SHA256,
    };
    let key = ParsedPublicKey::new(parameters, spki).expect("AWS-LC reads our keys");
    key.verify_sig(message, signature).is_ok()
}

fn rsa_crate_accepts(
    algorithm: SignatureAlgorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> bool {
    use ::rsa::pkcs8::DecodePublicKey;
    let mut room = [0; 1024];
    let spki = key.write_spki_der(&mut room).expect("room for any key");
    let theirs = ::rsa::PublicKey::from_public_key_der(spki).expect("`rsa` reads our keys");
    let digest = Sha256::digest(message);
    match algorithm {
        RsaPss => {
            let scheme = ::rsa::Pss::<Sha256>::new_with_salt(key.size().max_salt());
            theirs.verify(scheme, &digest, signature).is_ok()
        }
        RsaPkcs1 => theirs.verify(::rsa::Pkcs1v15Sign::new::<Sha256>(), &digest, signature).is_ok(),
    }
}

/// Panics unless openssl accepts.
fn openssl_verifies(algorithm: SignatureAlgorithm, key: &PublicKey, message: &[u8], signature: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (key_file, signature_file) = (folder.path().join("key.pem"), folder.path().join("signature"));
    let mut room = [0; 1024];
    let pem = key.write_spki_pem(&mut room).expect("room for any key");
    std::fs::write(&key_file, pem).expect("written");
    std::fs::write(&signature_file, signature).expect("written");
    let salt = format!("rsa_pss_saltlen:{}", key.size().max_salt());
    let path = |path: &std::path::Path| path.to_str().expect("a plain path").to_owned();
    let padding = match algorithm {
        RsaPss => &["-sigopt", "rsa_padding_mode:pss", "-sigopt", &salt, "-sigopt", "rsa_mgf1_md:sha256"][..],
        RsaPkcs1 => &["-sigopt", "rsa_padding_mode:pkcs1"],
    };
    let files = ["-verify", &path(&key_file), "-signature", &path(&signature_file)];
    let answer = openssl(&[&["dgst", "-sha256"][..], padding, &files].concat(), message);
    assert_eq!(answer, b"Verified OK\n");
}

#[test]
fn four_verifiers_accept_the_signatures_of_each_signer() {
    for size in SIZES {
        for (name, load) in signers() {
            let mut signer = signer(load, size);
            let messages: [&[u8]; 8] =
                [b"", b"{\"issuer_id\":\"test\"}", &[0xa5; 2000], b"4", b"5", b"6", b"7", b"8"];
            for (algorithm, other) in [(RsaPss, RsaPkcs1), (RsaPkcs1, RsaPss)] {
                let signatures = signer.sign_many(algorithm, &messages).expect("signed");
                let key = signer.public_key();
                assert_eq!(signatures.len(), messages.len());
                for (message, signature) in messages.iter().zip(&signatures) {
                    let signature = signature.as_bytes();
                    let case = format!("{name}, {size:?}, {algorithm:?}");
                    assert_eq!(signature.len(), size.bytes());
                    assert!(core_accepts(algorithm, key, message, signature), "core, {case}");
                    assert!(aws_accepts(algorithm, key, message, signature), "AWS-LC, {case}");
                    assert!(rsa_crate_accepts(algorithm, key, message, signature), "rsa, {case}");
                    openssl_verifies(algorithm, key, message, signature);
                    // No implementation accepts another message or algorithm.
                    for (algorithm, message) in [(algorithm, &b"other"[..]), (other, message)] {
                        assert!(!core_accepts(algorithm, key, message, signature), "core, {case}");
                        assert!(!aws_accepts(algorithm, key, message, signature), "AWS-LC, {case}");
                        assert!(!rsa_crate_accepts(algorithm, key, message, signature), "rsa, {case}");
                    }
                }
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
        let signatures = signer.sign_many(RsaPss, &messages).expect("signed");
        assert_eq!(signatures.len(), messages.len());
        for (message, signature) in messages.iter().zip(&signatures) {
            assert!(core_accepts(RsaPss, signer.public_key(), message, signature.as_bytes()));
        }
    }
}

/// One message, partial batches, full batches, and both together.
#[test]
fn batches_of_1_to_17_are_signed_in_order() {
    let messages: Vec<[u8; 8]> = (0..17u64).map(u64::to_be_bytes).collect();
    let messages: Vec<&[u8]> = messages.iter().map(<[u8; 8]>::as_slice).collect();
    for size in SIZES {
        for (name, load) in signers() {
            let mut signer = signer(load, size);
            for count in 1..=if name == "portable" { 2 } else { 17 } {
                let signatures = signer.sign_many(RsaPss, &messages[..count]).expect("signed");
                assert_eq!(signatures.len(), count);
                for (message, signature) in messages.iter().zip(&signatures) {
                    assert!(
                        aws_accepts(RsaPss, signer.public_key(), message, signature.as_bytes()),
                        "{name}, {size:?}, {count}"
                    );
                }
            }
        }
    }
}

#[test]
fn messages_that_fill_no_batch_take_the_faster_path() {
    for cores in 1..=16 {
        let batched = |messages| BatchSigner::batched(messages, cores);
        assert_eq!(batched(0), 0);
        assert_eq!(batched(1), 0, "one message does not wait for a batch");
        for full in 1..5 {
            assert_eq!(batched(8 * full), 8 * full, "full batches are signed as batches");
        }
        for messages in 0..40 {
            assert!(matches!(messages - batched(messages), 0..8));
        }
    }
    assert_eq!(BatchSigner::batched(5, 1), 0, "five single signatures take less time than a batch");
    assert_eq!(BatchSigner::batched(6, 1), 6, "six single signatures take more time");
    assert_eq!(BatchSigner::batched(7, 2), 0, "two cores need less time");
    assert_eq!(BatchSigner::batched(14, 2), 14, "one of two cores has a batch already");
    assert_eq!(BatchSigner::batched(9, 2), 8);
}

#[test]
fn auto_is_the_fastest_available_signer() {
    let expected = match Engine::ifma() {
        Some(_) => SignerKind::Batch,
        None => SignerKind::Aws,
    };
    assert_eq!(SignerKind::default(), SignerKind::Auto);
    assert_eq!(SignerKind::Auto.resolved(), expected);
    SignerKind::Auto.load(openssl_key(KeySize::Bits2048)).expect("the selected signer works");
    if expected == SignerKind::Aws {
        let refused = SignerKind::Batch.load(openssl_key(KeySize::Bits2048)).err().expect("no such CPU");
        assert!(advice(&refused).contains("--signer aws-lc"), "{refused}");
    }
}

#[test]
fn an_empty_batch_is_no_work() {
    for (_, load) in signers() {
        assert_eq!(signer(load, KeySize::Bits2048).sign_many(RsaPss, &[]).expect("nothing to do"), []);
    }
}

#[test]
fn salts_are_fresh() {
    for (_, load) in signers() {
        let signatures =
            signer(load, KeySize::Bits2048).sign_many(RsaPss, &[b"same", b"same"]).expect("signed");
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
        for (kind, key) in &keys {
            let refused = load(key).err();
            assert!(
                matches!(refused, Some(KeyError::Key(_) | KeyError::Aws(_))),
                "{kind}, {name}: {refused:?}"
            );
        }
    }
}

#[test]
fn a_key_that_is_not_pkcs8_pem_is_refused_with_the_expected_format() {
    let traditional = openssl(&["pkey", "-traditional"], openssl_key(KeySize::Bits2048));
    let public = openssl(&["pkey", "-pubout"], openssl_key(KeySize::Bits2048));
    for (name, load) in signers() {
        for text in [&traditional[..], &public, b"", b"\x00\xff"] {
            let Err(refused @ KeyError::Pem(_)) = load(text) else {
                panic!("{name} accepted {}", String::from_utf8_lossy(text));
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
