//! Key files: reading and writing against OpenSSL, and the errors of wrong files.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::crypto::x25519::PublicKey;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::encoding::pem::{self, PemError};
use minipki_core::keys::{KeyFileError, PKCS8_PEM};
use minipki_fixtures::noise::key_pair;
use minipki_fixtures::{hex, hex_array, openssl};

fn read(pem: &[u8]) -> Result<KeyPair, KeyFileError> {
    KeyPair::from_pkcs8_pem(Portable::new(), pem)
}

fn write(pair: &KeyPair) -> String {
    let mut pem = [0; PKCS8_PEM];
    pair.write_pkcs8_pem(&mut pem).expect("room for the key").to_owned()
}

/// The hexadecimal block under `title` in the output of `openssl pkey -text`.
fn block(text: &str, title: &str) -> [u8; 32] {
    let digits = text.lines().skip_while(|line| *line != title).skip(1);
    hex_array(&digits.take_while(|line| line.starts_with(' ')).collect::<String>().replace(':', ""))
}

#[test]
fn openssl_reads_ours() {
    let pair = key_pair([0x5a; 32]);
    let text = openssl(&["pkey", "-noout", "-text"], write(&pair).as_bytes());
    let text = String::from_utf8(text).expect("text");
    assert!(text.starts_with("X25519 Private-Key:"), "{text}");
    assert_eq!(block(&text, "priv:"), *pair.secret().expose());
    assert_eq!(block(&text, "pub:"), *pair.public().as_bytes());
}

#[test]
fn we_read_openssls_and_write_the_same_file() {
    let pem = openssl(&["genpkey", "-algorithm", "X25519"], b"");
    let pair = read(&pem).expect("a key by openssl");
    let text = String::from_utf8(openssl(&["pkey", "-noout", "-text"], &pem)).expect("text");
    assert_eq!(block(&text, "priv:"), *pair.secret().expose());
    assert_eq!(block(&text, "pub:"), *pair.public().as_bytes());
    assert_eq!(write(&pair).as_bytes(), pem);
}

#[test]
fn line_ends_may_be_crlf() {
    let pem = write(&key_pair([9; 32])).replace('\n', "\r\n");
    assert_eq!(read(pem.as_bytes()).expect("a key").secret().expose(), &[9; 32]);
}

#[test]
fn a_short_buffer_is_refused() {
    let pair = key_pair([9; 32]);
    let len = write(&pair).len();
    assert_eq!(len, 119);
    for short in 0..len {
        assert_eq!(pair.write_pkcs8_pem(&mut vec![0; short]), Err(BufferTooSmall));
    }
    assert!(pair.write_pkcs8_pem(&mut vec![0; len]).is_ok());
}

/// The PEM of the DER whose hexadecimal digits are `parts`.
fn pem_of(label: &str, parts: &[&str]) -> String {
    let mut out = [0; 1024];
    pem::encode(label, &hex(&parts.concat()), &mut out).expect("room").to_owned()
}

#[test]
fn a_public_key_in_the_file_must_be_the_right_one() {
    let pair = key_pair([9; 32]);
    let version_2 = |public: &PublicKey| {
        let digits: String = public.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = "09".repeat(32);
        let head = "3051 020101 3005 06032b656e 0422 0420";
        read(pem_of("PRIVATE KEY", &[head, &secret, "8121 00", &digits]).as_bytes())
    };
    assert_eq!(version_2(pair.public()).expect("a key of version 2").public(), pair.public());
    assert_eq!(version_2(key_pair([8; 32]).public()).err(), Some(KeyFileError::PublicKey));
}

#[test]
fn errors_are_named() {
    let key = "09".repeat(32);
    let good = ["302e 020100 3005 06032b656e 0422 0420", &key];
    assert!(read(pem_of("PRIVATE KEY", &good).as_bytes()).is_ok());
    let long = "00".repeat(300);
    for (case, label, der, error) in [
        ("an encrypted key", "ENCRYPTED PRIVATE KEY", good, KeyFileError::Pem(PemError::Label)),
        ("a public key", "PUBLIC KEY", good, KeyFileError::Pem(PemError::Label)),
        ("not DER", "PRIVATE KEY", ["00", ""], KeyFileError::Der),
        ("empty", "PRIVATE KEY", ["3000", ""], KeyFileError::Der),
        (
            "bytes after",
            "PRIVATE KEY",
            ["302e 020100 3005 06032b656e 0422 0420", &(key.clone() + "00")],
            KeyFileError::Der,
        ),
        ("Ed25519", "PRIVATE KEY", ["302e 020100 3005 06032b6570 0422 0420", &key], KeyFileError::Algorithm),
        (
            "parameters",
            "PRIVATE KEY",
            ["3030 020100 3007 06032b656e 0500 0422 0420", &key],
            KeyFileError::Algorithm,
        ),
        (
            "31 bytes",
            "PRIVATE KEY",
            ["302d 020100 3005 06032b656e 0421 041f", &key[2..]],
            KeyFileError::Length,
        ),
        ("no inner string", "PRIVATE KEY", ["302c 020100 3005 06032b656e 0420", &key], KeyFileError::Length),
        ("too long", "PRIVATE KEY", ["3082012c", &long], KeyFileError::Pem(PemError::TooLong)),
    ] {
        assert_eq!(read(pem_of(label, &der).as_bytes()).err(), Some(error), "{case}");
    }
    let whole = pem_of("PRIVATE KEY", &good);
    for end in 0..whole.len() - 1 {
        let error = read(&whole.as_bytes()[..end]).err();
        assert_eq!(error, Some(KeyFileError::Pem(PemError::Boundary)), "cut at {end}");
    }
}
