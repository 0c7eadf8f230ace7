//! Certificates: encoding, parsing, and verification under an anchor at a time.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::cert::{
    Anchor, Certificate, Error, Id, IdBuf, IdError, TbsCertificate, attach_signature, verify,
};
use minipki_core::crypto::rsa::{self, KeySize, SaltLength};
use minipki_core::crypto::{Portable, x25519};
use minipki_core::encoding::json::MAX_INTEGER;
use minipki_core::encoding::{Form, base64, json};
use minipki_core::limits::{ANCHOR, CERTIFICATE, SPKI_PEM};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationCheck, Serial, Validity, ValidityError};
use minipki_fixtures::certificates::{
    ISSUER, NOW, SUBJECT, anchor, encode, id, issue, sample, sign, time, x25519_key,
};
use minipki_fixtures::rsa_keys::{SIZES, private, public, rng};
use proptest::prelude::*;

const SIZE: KeySize = KeySize::Bits2048;

fn now() -> Now {
    Now::Exact(time(NOW))
}

/// Parses and verifies a certificate. Returns whether the time was certain.
fn parse_and_verify(anchor: &Anchor, text: &[u8], now: Now) -> Result<bool, Error> {
    let certificate = Certificate::parse(text)?;
    verify(Portable::new(), anchor, &certificate, now, RevocationCheck::NotChecked)
        .map(|verified| verified.time_certain())
}

#[test]
fn an_issued_certificate_verifies_and_has_the_requested_fields() {
    for size in SIZES {
        let key = public(size);
        let text = issue(&sample(&key), size);
        let certificate = Certificate::parse(&text).unwrap();
        let verified =
            verify(Portable::new(), &anchor(size), &certificate, now(), RevocationCheck::NotChecked).unwrap();
        assert!(verified.time_certain());
        let read = verified.certificate();
        assert_eq!(read.text(), text);
        assert_eq!((read.issuer_id().as_str(), read.subject_id().as_str()), (ISSUER, SUBJECT));
        assert_eq!(read.subject_key(), &x25519_key([0x42; 32]));
        assert_eq!(read.serial_number(), Serial::new(4_242).unwrap());
        assert_eq!(read.validity(), sample(&key).validity);
        assert_eq!(read.issuer_key(), Ok(key.clone()));
        assert_eq!(read.signed_slices().concat(), encode(&sample(&key)));
        let named = verified.require_subject(id(SUBJECT)).unwrap();
        assert_eq!(named.require_key(&x25519_key([0x42; 32])).map(drop), Ok(()));
        assert_eq!(verified.require_subject(id("alice")).map(drop), Err(Error::SubjectMismatch));
        assert_eq!(verified.require_key(&x25519_key([0x43; 32])).map(drop), Err(Error::SubjectKeyMismatch));
    }
}

#[test]
fn our_own_signature_verifies_too() {
    let key = public(SIZE);
    let text = encode(&sample(&key));
    let (mut signature, mut out) = ([0; 256], [0; CERTIFICATE]);
    let digest = minipki_core::crypto::Hash::sha256(Portable::new(), &[&text]);
    let signature = private(SIZE).sign_pss(&digest, &[7; 222], &mut rng(2), &mut signature).unwrap();
    let certificate = attach_signature(&text, signature, &mut out).unwrap();
    assert_eq!(parse_and_verify(&anchor(SIZE), certificate, now()), Ok(true));
    assert_eq!(public(SIZE).verify_pss(&digest, signature, SaltLength::Exactly(222)), Ok(()));
}

#[test]
fn any_salt_from_32_bytes_to_the_maximum_is_accepted() {
    let key = public(SIZE);
    let text = encode(&sample(&key));
    for salt in [0, 20, 31, 32, 33, 64, 221, 222] {
        let mut out = [0; CERTIFICATE];
        let certificate = attach_signature(&text, &sign(&text, SIZE, salt), &mut out).unwrap();
        let short = rsa::Error::SaltLength;
        let expected = if salt < 32 { Err(Error::Signature(short)) } else { Ok(true) };
        assert_eq!(parse_and_verify(&anchor(SIZE), certificate, now()), expected, "salt of {salt}");
    }
}

#[test]
fn both_bounds_are_within_the_validity() {
    let key = public(SIZE);
    let text = issue(&sample(&key), SIZE);
    let anchor = anchor(SIZE);
    let (not_before, not_after) = (sample(&key).validity.not_before(), sample(&key).validity.not_after());
    let at = |time: UnixTime| parse_and_verify(&anchor, &text, Now::Exact(time));
    let early = UnixTime::new(not_before.get() - 1).unwrap();
    let late = not_after.checked_add_seconds(1).unwrap();
    assert_eq!(at(early), Err(Error::Validity(ValidityError::NotYetValid { now: early, not_before })));
    assert_eq!(at(not_before), Ok(true));
    assert_eq!(at(not_after), Ok(true));
    assert_eq!(at(late), Err(Error::Validity(ValidityError::Expired { now: late, not_after })));
}

#[test]
fn a_lower_bound_of_the_time_can_tell_only_that_it_is_too_late() {
    let key = public(SIZE);
    let text = issue(&sample(&key), SIZE);
    let anchor = anchor(SIZE);
    let not_after = sample(&key).validity.not_after();
    let late = not_after.checked_add_seconds(1).unwrap();
    assert_eq!(parse_and_verify(&anchor, &text, Now::AtLeast(UnixTime::MIN)), Ok(false));
    assert_eq!(parse_and_verify(&anchor, &text, Now::AtLeast(time(NOW))), Ok(false));
    assert_eq!(parse_and_verify(&anchor, &text, Now::AtLeast(not_after)), Ok(false));
    assert_eq!(
        parse_and_verify(&anchor, &text, Now::AtLeast(late)),
        Err(Error::Validity(ValidityError::Expired { now: late, not_after }))
    );
}

#[test]
fn only_genuine_certificates_get_an_error_of_time() {
    let key = public(SIZE);
    let text = issue(&sample(&key), SIZE);
    let forged = String::from_utf8(text).unwrap().replace("4242", "4243");
    let error = parse_and_verify(&anchor(SIZE), forged.as_bytes(), Now::Exact(UnixTime::MAX));
    assert!(matches!(error, Err(Error::Signature(_))), "{error:?}");
}

#[test]
fn an_anchor_by_fingerprint_accepts_any_issuer_name_until_it_pins_one() {
    let key = public(SIZE);
    let text = issue(&sample(&key), SIZE);
    let other = issue(&TbsCertificate { issuer_id: id("other-ca"), ..sample(&key) }, SIZE);
    let mut anchor = Anchor::from_fingerprint(key.fingerprint(Portable::new()));
    assert_eq!((anchor.issuer_id(), anchor.key()), (None, None));
    assert_eq!(parse_and_verify(&anchor, &other, now()), Ok(true));

    let certificate = Certificate::parse(&text).unwrap();
    let verified =
        verify(Portable::new(), &anchor, &certificate, now(), RevocationCheck::NotChecked).unwrap();
    assert_eq!(anchor.pin_issuer(Portable::new(), &verified), Ok(()));
    assert_eq!(anchor, self::anchor(SIZE));
    assert_eq!(parse_and_verify(&anchor, &text, now()), Ok(true));
    assert_eq!(parse_and_verify(&anchor, &other, now()), Err(Error::IssuerMismatch));
}

#[test]
fn an_anchor_pins_only_a_certificate_that_it_has_verified() {
    let key = public(SIZE);
    let text = issue(&sample(&key), SIZE);
    let certificate = Certificate::parse(&text).unwrap();
    let verified =
        verify(Portable::new(), &anchor(SIZE), &certificate, now(), RevocationCheck::NotChecked).unwrap();
    let larger = public(KeySize::Bits3072);
    let mut by_fingerprint = <Anchor>::from_fingerprint(larger.fingerprint(Portable::new()));
    assert_eq!(by_fingerprint.pin_issuer(Portable::new(), &verified), Err(Error::IssuerKeyMismatch));
    assert_eq!(by_fingerprint.key(), None);
    let mut renamed = Anchor::from_key(Portable::new(), id("other-ca"), key);
    assert_eq!(renamed.pin_issuer(Portable::new(), &verified), Err(Error::IssuerMismatch));
    assert_eq!(renamed.issuer_id(), Some(id("other-ca")));
}

#[test]
fn another_key_is_no_anchor() {
    let key = public(SIZE);
    let text = issue(&sample(&key), SIZE);
    let other = public(KeySize::Bits3072);
    let by_key = Anchor::from_key(Portable::new(), id(ISSUER), other.clone());
    let by_fingerprint = Anchor::from_fingerprint(other.fingerprint(Portable::new()));
    assert_eq!(parse_and_verify(&by_key, &text, now()), Err(Error::IssuerKeyMismatch));
    assert_eq!(parse_and_verify(&by_fingerprint, &text, now()), Err(Error::IssuerKeyMismatch));
}

#[test]
fn the_anchors_key_may_come_in_another_text() {
    let key = public(SIZE);
    let (mut pem, mut b64) = ([0; SPKI_PEM], [0; 2 * SPKI_PEM]);
    let pem = key.write_spki_pem(&mut pem).unwrap();
    let ours = base64::encode(pem.as_bytes(), &mut b64).unwrap().to_owned();
    for (other, expected) in [
        (pem.replace('\n', "\r\n"), Ok(true)),
        (pem.trim_end().to_owned(), Ok(true)),
        (pem.replace("PUBLIC", "SECRET"), Err(Error::IssuerKey(rsa::Error::KeyEncoding))),
        (String::new(), Err(Error::IssuerKey(rsa::Error::KeyEncoding))),
    ] {
        let theirs = base64::encode(other.as_bytes(), &mut b64).unwrap();
        let text = String::from_utf8(encode(&sample(&key))).unwrap().replace(&ours, theirs);
        let mut certificate = [0; 2 * CERTIFICATE];
        let signature = sign(text.as_bytes(), SIZE, SIZE.max_salt());
        let certificate = attach_signature(text.as_bytes(), &signature, &mut certificate).unwrap();
        assert_eq!(parse_and_verify(&anchor(SIZE), certificate, now()), expected, "{other}");
    }
}

#[test]
fn anchors_are_kept_as_json() {
    let longest = "x".repeat(64);
    for size in SIZES {
        let key = public(size);
        let mut pem = [0; 800];
        let pem = key.write_spki_pem(&mut pem).unwrap();
        let whole: Anchor = Anchor::from_spki_pem(Portable::new(), id(&longest), pem.as_bytes()).unwrap();
        let by_fingerprint = Anchor::from_fingerprint(key.fingerprint(Portable::new()));
        for anchor in [whole, by_fingerprint] {
            let mut out = [0; ANCHOR];
            let text = anchor.encode(&mut out).unwrap();
            assert_eq!(json::check(text, Form::Canonical), Ok(()));
            assert_eq!(Anchor::decode(Portable::new(), text), Ok(anchor.clone()));
            let pretty: serde_json::Value = serde_json::from_slice(text).unwrap();
            let pretty = serde_json::to_string_pretty(&pretty).unwrap() + "\n";
            assert_eq!(Anchor::decode(Portable::new(), pretty.as_bytes()), Ok(anchor.clone()));
            assert_eq!(anchor.encode(&mut vec![0; text.len() - 1]), Err(BufferTooSmall));
        }
    }
}

#[test]
fn an_anchor_that_contradicts_itself_is_refused() {
    let mut out = [0; ANCHOR];
    let text = str::from_utf8(anchor(SIZE).encode(&mut out).unwrap()).unwrap();
    let fingerprint = anchor(SIZE).fingerprint().to_string();
    let decode = |text: String| <Anchor>::decode(Portable::new(), text.as_bytes());
    let turned = fingerprint.replace('a', "b");
    assert_ne!(turned, fingerprint);
    assert_eq!(decode(text.replace(&fingerprint, &turned)), Err(Error::AnchorFingerprint));
    assert_eq!(decode(text.replace(&fingerprint, &fingerprint[1..])), Err(Error::AnchorFingerprint));
    assert_eq!(decode(text.replace(r#""issuer_id":"test-ca","#, "")), Err(Error::AnchorIncomplete));
    assert_eq!(decode(text.replace("test-ca", "test ca")), Err(Error::IssuerId(IdError::Character(4))));
    assert!(matches!(decode(text.replace("_b64\":\"", "_b64\":\"!")), Err(Error::IssuerKey(_))));
    assert!(matches!(decode("{}".into()), Err(Error::Json(_))));
}

#[test]
fn only_names_of_the_profile_are_accepted() {
    let all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
    assert_eq!(Id::new(all).map(Id::as_str), Ok(all));
    assert_eq!(Id::new("-:@").map(IdBuf::from), "-:@".parse());
    assert_eq!(Id::new(""), Err(IdError::Empty));
    assert_eq!(Id::new(&"a".repeat(65)), Err(IdError::TooLong));
    for other in (0..128).map(char::from).filter(|c| !c.is_ascii_alphanumeric() && !"._-:@".contains(*c)) {
        assert_eq!(Id::new(&format!("ab{other}")), Err(IdError::Character(2)), "{other:?}");
    }
    assert_eq!(Id::new("naïve"), Err(IdError::Character(2)));
}

#[test]
fn a_json_certificate_has_a_serial_number_of_53_bits() {
    let key = public(SIZE);
    let with = |serial_number| TbsCertificate { serial_number, ..sample(&key) };
    let mut out = [0; CERTIFICATE];
    let largest = Serial::new(MAX_INTEGER).unwrap();
    let text = issue(&with(largest), SIZE);
    assert_eq!(Certificate::parse(&text).unwrap().serial_number(), largest);
    for beyond in [Serial::new(MAX_INTEGER + 1), Serial::new(u64::MAX), Serial::from_be_bytes(&[1; 20])] {
        assert_eq!(with(beyond.unwrap()).encode(&mut out), Err(Error::SerialNumber));
    }
}

#[test]
fn the_largest_certificate_fits_its_limit_and_no_less() {
    let size = KeySize::Bits4096;
    let key = public(size);
    let name = "x".repeat(64);
    let unsigned = TbsCertificate {
        issuer_id: id(&name),
        subject_id: id(&name),
        serial_number: Serial::new((1 << 53) - 1).unwrap(),
        ..sample(&key)
    };
    let text = issue(&unsigned, size);
    assert!(CERTIFICATE - text.len() < 64, "{} bytes of {CERTIFICATE}", text.len());
    let signed = encode(&unsigned);
    for len in 0..signed.len() {
        assert_eq!(unsigned.encode(&mut vec![0; len]).map(<[u8]>::len), Err(Error::BufferTooSmall));
    }
    let signature = [0; 512];
    assert_eq!(
        attach_signature(&signed, &signature, &mut vec![0; text.len() - 1]),
        Err(Error::BufferTooSmall)
    );
    assert!(attach_signature(&signed, &signature, &mut vec![0; text.len()]).is_ok());
    for none in [&b""[..], b"{}", b"[]", b"{\"a\":1} "] {
        assert!(matches!(attach_signature(none, &signature, &mut [0; CERTIFICATE]), Err(Error::Json(_))));
    }
}

#[test]
fn a_certificate_with_any_one_byte_changed_is_refused() {
    let key = public(SIZE);
    let good = issue(&sample(&key), SIZE);
    let anchor = anchor(SIZE);
    assert_eq!(parse_and_verify(&anchor, &good, now()), Ok(true));
    for at in 0..good.len() {
        let byte = good[at];
        // A flipped bit, a flipped case, and other well-formed bytes.
        for other in [byte ^ 1, byte ^ 0x20, byte ^ 0x80, byte.wrapping_add(1), b'A', b'0', b' '] {
            if other == byte {
                continue;
            }
            let mut text = good.clone();
            text[at] = other;
            let result = parse_and_verify(&anchor, &text, now());
            assert!(result.is_err(), "byte {at}, {:?} for {:?}", char::from(other), char::from(byte));
        }
    }
}

#[test]
fn no_part_of_a_certificate_is_a_certificate() {
    let key = public(SIZE);
    let good = issue(&sample(&key), SIZE);
    for len in 0..good.len() {
        assert!(Certificate::parse(&good[..len]).is_err(), "the first {len} bytes");
        assert!(Certificate::parse(&good[len + 1..]).is_err(), "without the first {}", len + 1);
        let without = [&good[..len], &good[len + 1..]].concat();
        assert!(parse_and_verify(&anchor(SIZE), &without, now()).is_err(), "without byte {len}");
    }
}

/// The fields of any certificate.
fn fields() -> impl Strategy<Value = (String, u64, String, x25519::PublicKey, u64, u64)> {
    let name = "[A-Za-z0-9._:@-]{1,64}";
    let end = UnixTime::MAX.get();
    let key = any::<[u8; 32]>().prop_filter_map("a key is canonical", x25519::PublicKey::new);
    (name, 1u64..1 << 53, name, key, 0..=end, 0..=end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn parse_undoes_encode_and_the_text_is_that_of_rfc_8785(
        (issuer_id, serial, subject_id, subject_key, a, b) in fields(),
        size in prop::sample::select(&SIZES[..]),
    ) {
        let key = public(size);
        let bounds = [a.min(b), a.max(b)].map(|seconds| UnixTime::new(seconds).unwrap());
        let unsigned = TbsCertificate {
            issuer_id: id(&issuer_id),
            issuer_key: &key,
            serial_number: Serial::new(serial).unwrap(),
            subject_id: id(&subject_id),
            subject_key,
            validity: Validity::new(bounds[0], bounds[1]).unwrap(),
        };
        let text = issue(&unsigned, size);
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(&serde_json_canonicalizer::to_vec(&value).unwrap(), &text);

        let anchor = Anchor::from_key(Portable::new(), id(&issuer_id), key.clone());
        let read = Certificate::parse(&text).unwrap();
        prop_assert!(verify(Portable::new(), &anchor, &read, Now::Exact(bounds[0]), RevocationCheck::NotChecked).is_ok());
        prop_assert_eq!((read.issuer_id(), read.subject_id()), (id(&issuer_id), id(&subject_id)));
        prop_assert_eq!((read.serial_number().to_u64(), *read.subject_key()), (Some(serial), subject_key));
        prop_assert_eq!(read.validity(), unsigned.validity);
        prop_assert_eq!(read.issuer_key(), Ok(key.clone()));
    }
}

proptest! {
    #[test]
    fn random_damage_never_panics_and_never_passes(
        changes in prop::collection::vec((any::<prop::sample::Index>(), " -~"), 1..6),
    ) {
        let key = public(SIZE);
        let good = issue(&sample(&key), SIZE);
        let mut text = good.clone();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte.as_bytes()[0];
        }
        prop_assert_eq!(parse_and_verify(&anchor(SIZE), &text, now()).is_ok(), text == good);
    }
}
