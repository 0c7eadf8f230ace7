//! Encrypted private keys: the same files as OpenSSL's, and the refusal of all others.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use minipki_ca::SignatureAlgorithm;
use minipki_client::{Identity, IdentityError};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::encoding::pem;
use minipki_fixtures::{openssl, openssl_fails};
use minipki_keys::{CaFolder, SignerKind};
use minipki_passphrase::{EncryptedKeyError, MAX, Passphrase, PassphraseError, encrypt, encryption, open};
use minipki_provider::HostProvider;
use minipki_tests::ca::openssl_key;
use minipki_tests::program::folder_with_alice;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

pub(crate) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a passphrase")
}

/// Opens `text` with the passphrase "right".
fn opened(text: &[u8]) -> Result<Vec<u8>, EncryptedKeyError> {
    open(Zeroizing::new(text.to_vec()), Some(&passphrase("right"))).map(|text| text.to_vec())
}

/// `key` encrypted with "right" by `openssl pkcs8 -topk8`.
pub(crate) fn by_openssl(key: &[u8], options: &[&str]) -> Vec<u8> {
    openssl(&[&["pkcs8", "-topk8", "-passout", "pass:right"], options].concat(), key)
}

fn x25519_key() -> Vec<u8> {
    openssl(&["genpkey", "-algorithm", "X25519"], b"")
}

#[test]
fn openssl_reads_the_keys_that_we_encrypt() {
    for key in [openssl_key(KeySize::Bits2048).to_vec(), x25519_key()] {
        let text = encrypt(&key, &passphrase("right")).expect("encrypted");
        assert!(text.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert_eq!(openssl(&["pkey", "-passin", "pass:right"], &text), key);
        assert!(openssl_fails(&["pkey", "-passin", "pass:wrong"], &text).contains("Could not"));
        let shape = openssl(&["asn1parse", "-inform", "PEM"], &text);
        let shape = String::from_utf8(shape).expect("text");
        for algorithm in ["PBES2", "scrypt", "aes-256-cbc"] {
            assert!(shape.contains(algorithm), "{algorithm} in {shape}");
        }
        assert_eq!(encryption(&text), Ok("scrypt (N = 16384, r = 8, p = 5), AES-256-CBC".to_owned()));
        assert_eq!(opened(&text), Ok(key.clone()));
        // Each encryption has its own salt.
        assert_ne!(encrypt(&key, &passphrase("right")).expect("encrypted"), text);
    }
}

#[test]
fn we_read_the_keys_that_openssl_encrypts_with_scrypt_or_pbkdf2() {
    let options: [&[&str]; 6] = [
        &[],
        &["-scrypt"],
        &["-v2", "aes-128-cbc"],
        &["-scrypt", "-v2", "aes-128-cbc"],
        &["-iter", "100000"],
        &["-scrypt", "-scrypt_N", "1024", "-scrypt_r", "4", "-scrypt_p", "2"],
    ];
    for key in [openssl_key(KeySize::Bits2048).to_vec(), x25519_key()] {
        for options in options {
            let text = by_openssl(&key, options);
            assert_eq!(opened(&text), Ok(key.clone()), "{options:?}");
            let locked = open(Zeroizing::new(text.clone()), None);
            assert_eq!(locked.err(), Some(EncryptedKeyError::Locked), "{options:?}");
            let wrong = open(Zeroizing::new(text), Some(&passphrase("wrong")));
            assert_eq!(wrong.err(), Some(EncryptedKeyError::WrongPassphrase), "{options:?}");
        }
    }
}

#[test]
fn a_wrong_passphrase_never_opens_a_key() {
    // With some of these, the padding is valid by chance.
    let text = by_openssl(&x25519_key(), &["-iter", "1"]);
    for number in 0..2000 {
        let wrong = passphrase(&format!("wrong {number}"));
        let refused = open(Zeroizing::new(text.clone()), Some(&wrong)).err();
        assert_eq!(refused, Some(EncryptedKeyError::WrongPassphrase), "{number}");
    }
}

#[test]
fn keys_that_are_encrypted_in_other_ways_are_refused_with_the_command_that_converts_them() {
    let rsa = openssl_key(KeySize::Bits2048);
    let traditional = ["rsa", "-traditional", "-aes256", "-passout", "pass:right"];
    let others = [
        by_openssl(rsa, &["-v1", "PBE-SHA1-3DES"]),
        by_openssl(rsa, &["-v2", "des3"]),
        by_openssl(rsa, &["-v2", "aes-192-cbc"]),
        by_openssl(rsa, &["-v2", "camellia-256-cbc"]),
        by_openssl(rsa, &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"]),
        by_openssl(rsa, &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"]),
        openssl(&traditional, rsa),
    ];
    for text in others {
        let refused = opened(&text).expect_err("an encryption that is not supported");
        assert_eq!(refused, EncryptedKeyError::Scheme, "{}", String::from_utf8_lossy(&text));
        let next = refused.advice(Path::new("key.pem")).expect("advice");
        assert!(next.contains("openssl pkcs8 -topk8 -scrypt -in key.pem -out key.converted.pem"), "{next}");
        // The advice is right.
        let converted = openssl(
            &["pkcs8", "-topk8", "-scrypt", "-passin", "pass:right", "-passout", "pass:right"],
            &text,
        );
        assert_eq!(opened(&converted), Ok(rsa.to_vec()));
    }
}

/// DER of a tag, a length and `content`.
fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let len = u8::try_from(content.len()).expect("short");
    let head = if len < 128 { vec![tag, len] } else { vec![tag, 0x81, len] };
    [head, content].concat()
}

fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    let sign: &[u8] = if bytes[first] < 128 { &[] } else { &[0] };
    der(2, &[sign, &bytes[first..]])
}

/// An encrypted key with the key derivation function `oid` and its parameters.
fn with_costs(oid: &[u8], parameters: &[&[u8]]) -> Vec<u8> {
    const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
    const AES_256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
    let salt = der(4, &[&[1; 8]]);
    let kdf = der(0x30, &[&der(6, &[oid]), &der(0x30, &[&[&salt[..]], parameters].concat())]);
    let cipher = der(0x30, &[&der(6, &[AES_256_CBC]), &der(4, &[&[2; 16]])]);
    let scheme = der(0x30, &[&der(6, &[PBES2]), &der(0x30, &[&kdf, &cipher])]);
    let all = der(0x30, &[&scheme, &der(4, &[&[3; 64]])]);
    let mut room = vec![0; 1024];
    pem::encode("ENCRYPTED PRIVATE KEY", &all, &mut room).expect("room").as_bytes().to_vec()
}

fn scrypt(n: u64, r: u64, p: u64) -> Vec<u8> {
    with_costs(b"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b", &[&integer(n), &integer(r), &integer(p)])
}

fn pbkdf2(rounds: u64) -> Vec<u8> {
    const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
    let prf = der(0x30, &[&der(6, &[HMAC_SHA256]), &der(5, &[])]);
    with_costs(b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", &[&integer(rounds), &prf])
}

#[test]
fn a_file_that_demands_too_much_time_or_memory_is_refused_at_once() {
    use EncryptedKeyError::{Cost, Malformed, WrongPassphrase};
    // The files are well formed: with small costs, only the key is wrong.
    assert_eq!(opened(&scrypt(2, 1, 1)), Err(WrongPassphrase));
    assert_eq!(opened(&pbkdf2(1)), Err(WrongPassphrase));
    let begin = Instant::now();
    let hostile = [
        (scrypt(1 << 18, 8, 1), Cost),
        (scrypt(1 << 40, 8, 1), Cost),
        (scrypt(1 << 63, 65535, 65535), Cost),
        (scrypt(1 << 17, 8, 9), Cost),
        (scrypt(2, 65535, 65), Cost),
        (scrypt(16384, 8, 65), Cost),
        (pbkdf2(10_000_001), Cost),
        (pbkdf2(u64::from(u32::MAX)), Cost),
        (scrypt(0, 8, 1), Malformed),
        (scrypt(1, 8, 1), Malformed),
        (scrypt(3, 8, 1), Malformed),
        (scrypt(16384, 0, 1), Malformed),
        (scrypt(16384, 8, 0), Malformed),
        (scrypt(16384, 65536, 1), Malformed),
        (scrypt(u64::MAX, 8, 1), Malformed),
        (pbkdf2(0), Malformed),
        (pbkdf2(1 << 32), Malformed),
    ];
    for (number, (text, expected)) in hostile.iter().enumerate() {
        assert_eq!(opened(text), Err(*expected), "{number}");
        assert!(expected.is_content());
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn any_content_of_an_encrypted_key_is_refused() {
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let genuine = pbkdf2(1);
    let mut room = vec![0; 1024];
    let genuine = pem::decode("ENCRYPTED PRIVATE KEY", &genuine, &mut room).expect("PEM").to_vec();
    for number in 0..5000 {
        // Random bytes, and a well-formed file with some bytes of its head exchanged. Its length and costs stay small.
        let mut content = genuine.clone();
        if number % 2 == 0 {
            content.truncate(random.next_u32() as usize % genuine.len());
            random.fill_bytes(&mut content);
        } else {
            let at = random.next_u32() as usize % 20;
            random.fill_bytes(&mut content[at..at + 1 + number % 4]);
        }
        let mut room = vec![0; 1024];
        let text = pem::encode("ENCRYPTED PRIVATE KEY", &content, &mut room).expect("room");
        assert!(opened(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_changed_byte_of_an_encrypted_key_gives_no_other_key() {
    // The encryption does not detect each change: the key must be the key of the anchor or of the certificate.
    let folder = folder_with_alice();
    let (ca, alice) = (folder.path().join("ca"), folder.path().join("alice"));
    let [ca_key, alice_key] = [ca.join("ca-key.pem"), alice.join("key.pem")];
    let [ca_text, alice_text] =
        [&ca_key, &alice_key].map(|path| by_openssl(&fs::read(path).expect("a file"), &["-iter", "1"]));
    let load = || Identity::load_with(HostProvider::Portable, &alice, Some(&passphrase("right")));
    fs::write(&alice_key, &alice_text).expect("written");
    let public = *load().expect("the key opens").key().public();
    let (mut other, mut damaged) = (0, 0);
    let mut random = ChaCha20Rng::seed_from_u64(1);
    for _ in 0..1500 {
        let mut change = |text: &[u8]| {
            let mut text = text.to_vec();
            let at = random.next_u32() as usize % text.len();
            text[at] ^= (random.next_u32() % 255 + 1) as u8;
            text
        };
        let changed = change(&alice_text);
        fs::write(&alice_key, &changed).expect("written");
        match load() {
            Ok(identity) => assert_eq!(*identity.key().public(), public),
            Err(IdentityError::Certificate { .. }) => other += 1,
            Err(_) => damaged += 1,
        }
        fs::write(&ca_key, change(&ca_text)).expect("written");
        let folder = CaFolder::open(&ca).expect("a CA").with_passphrase(Some(passphrase("right")));
        if let Ok(mut signer) = folder.signer(SignerKind::Portable) {
            // The signer verifies its own signature under the key of the anchor.
            signer.sign_many(SignatureAlgorithm::RsaPss, &[b"text"]).expect("a sound key");
        }
    }
    assert!(other > 0 && damaged > 0, "{other} other keys, {damaged} damaged files");
}

#[test]
fn a_passphrase_is_one_line_of_text_and_is_not_shown() {
    let made = |text: &str| Passphrase::new(Zeroizing::new(text.as_bytes().to_vec()));
    assert!(passphrase("right\n") == passphrase("right"), "one newline is removed");
    assert!(passphrase("right\r\n") == passphrase("right"), "one line end is removed");
    assert!(passphrase("right ") != passphrase("right"));
    assert!(made(&"a".repeat(MAX)).is_ok());
    assert!(matches!(made(&"a".repeat(MAX + 1)), Err(PassphraseError::TooLong)));
    for empty in ["", "\n"] {
        assert!(matches!(made(empty), Err(PassphraseError::Empty)), "{empty:?}");
    }
    for lines in ["a\nb", "a\n\n", "a\0b"] {
        assert!(matches!(made(lines), Err(PassphraseError::NotALine)), "{lines:?}");
    }
    assert!(!format!("{:?}", passphrase("right")).contains("right"));
}
