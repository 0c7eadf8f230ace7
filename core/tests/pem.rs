//! PEM: reading and writing against openssl.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::encoding::pem::{PemError, decode, encode};
use minipki_fixtures::openssl;
use proptest::prelude::*;

const LABEL: &str = "PUBLIC KEY";

#[test]
fn reads_what_openssl_writes_and_writes_the_same() {
    let private = openssl(&["genpkey", "-algorithm", "X25519"], b"");
    let text = openssl(&["pkey", "-pubout"], &private);
    let der = openssl(&["pkey", "-pubout", "-outform", "DER"], &private);
    let mut out = [0; 64];
    assert_eq!(decode(LABEL, &text, &mut out), Ok(&der[..]));
    let mut out = [0; 256];
    assert_eq!(encode(LABEL, &der, &mut out).unwrap().as_bytes(), text);
}

#[test]
fn openssl_reads_what_we_write() {
    let private = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
    let der = openssl(&["pkey", "-pubout", "-outform", "DER"], &private);
    let mut out = [0; 800];
    let text = encode(LABEL, &der, &mut out).unwrap();
    assert_eq!(openssl(&["pkey", "-pubin", "-pubout", "-outform", "DER"], text.as_bytes()), der);
}

#[test]
fn errors_are_named() {
    let good = "-----BEGIN PUBLIC KEY-----\nZm9vYmFy\n-----END PUBLIC KEY-----\n";
    assert_eq!(decode(LABEL, good.as_bytes(), &mut [0; 6]), Ok(&b"foobar"[..]));
    let cases = [
        (good.replace("PUBLIC", "PRIVATE"), PemError::Label),
        (good.replace("END PUBLIC", "END PRIVATE"), PemError::Boundary),
        (good.replace("BEGIN PUBLIC", "BEGIN RSA PUBLIC"), PemError::Boundary),
        (good.replace("-----BEGIN", "----BEGIN"), PemError::Boundary),
        (good.replace("-----END PUBLIC KEY-----\n", ""), PemError::Boundary),
        (good.replace("Zm9v", "Zm9-"), PemError::Body),
        (good.replace("YmFy", "YmE"), PemError::Body),
        (good.replace("YmFy", "YmF="), PemError::Body),
        (good.replace("Zm9v", "Zm9v\n"), PemError::Body),
        (format!("{good}{good}"), PemError::Body),
        (String::new(), PemError::Boundary),
    ];
    for (text, error) in cases {
        assert_eq!(decode(LABEL, text.as_bytes(), &mut [0; 64]), Err(error), "{text}");
    }
    assert_eq!(decode(LABEL, good.as_bytes(), &mut [0; 5]), Err(PemError::TooLong));
    assert_eq!(encode(LABEL, b"foobar", &mut vec![0; good.len() - 1]), Err(BufferTooSmall));
    assert_eq!(encode(LABEL, b"foobar", &mut vec![0; good.len()]), Ok(good));
}

proptest! {
    #[test]
    fn decode_undoes_encode(der in proptest::collection::vec(any::<u8>(), 1..600)) {
        let mut text = [0; 1024];
        let text = encode(LABEL, &der, &mut text).unwrap();
        prop_assert!(text.ends_with('\n') && text.lines().all(|line| line.len() <= 64));
        let mut out = [0; 600];
        prop_assert_eq!(decode(LABEL, text.as_bytes(), &mut out), Ok(&der[..]));
    }

    #[test]
    fn damaged_text_never_panics(
        der in proptest::collection::vec(any::<u8>(), 1..200),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<proptest::sample::Index>(),
    ) {
        let mut text = [0; 512];
        let mut text = encode(LABEL, &der, &mut text).unwrap().as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let _ = decode(LABEL, &text[..keep.index(text.len() + 1)], &mut [0; 200]);
        let _ = decode(LABEL, &text, &mut [0; 200]);
    }
}
