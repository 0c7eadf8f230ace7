//! The text of a status: written, read, and against openssl, the `rsa` crate and serde_json.

use minipki_core::cert::{Certificate, Error, Status, TbsStatus, attach_signature, verify_status};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::encoding::json::MAX_INTEGER;
use minipki_core::encoding::{Form, JsonErrorKind, json};
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{CERTIFICATE, STAPLED, STATUS};
use minipki_core::time::UnixTime;
use minipki_core::trust::{CertStatus, Revocation, RevocationReason, Serial};
use minipki_core::wire::channel::Payload;
use minipki_fixtures::certificates::{anchor, id, issue, sample};
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::{SIZES, oracle, public, spki_der};
use minipki_fixtures::statuses::{encode, good, revocation, staple, state};
use proptest::prelude::*;
use rsa::Pss;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::sha2::{Digest, Sha256};

const SIZE: KeySize = KeySize::Bits2048;

/// The reasons that a status can have.
fn reasons() -> Vec<RevocationReason> {
    RevocationReason::all().filter(|reason| *reason != RevocationReason::RemoveFromHold).collect()
}

fn revoked(reason: RevocationReason) -> TbsStatus<'static> {
    TbsStatus { status: CertStatus::Revoked(revocation(reason)), ..good(SIZE) }
}

/// The text of a status of a revoked certificate, written by hand.
fn by_hand() -> String {
    let fingerprint: String =
        Sha256::digest(spki_der(SIZE)).iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{{\"issuer_id\":\"test-ca\",\"issuer_key_sha256\":\"{fingerprint}\",\
        \"next_update\":\"2026-06-16T00:00:00+00:00\",\
        \"nonce_b64\":\"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\",\"number\":7,\
        \"reason\":\"key_compromise\",\"revoked_at\":\"2026-06-10T08:30:00+00:00\",\"serial_number\":4242,\
        \"status\":\"revoked\",\"this_update\":\"2026-06-15T00:00:00+00:00\",\"type\":\"certificate_status\"}}"
    )
}

#[test]
fn the_text_is_the_one_written_by_hand() {
    let fields = TbsStatus { nonce: Some([9; 32]), ..revoked(RevocationReason::KeyCompromise) };
    assert_eq!(String::from_utf8(encode(&fields)).expect("ASCII"), by_hand());
}

/// openssl signs the text that was written by hand. No code of the core makes this status.
#[test]
fn a_status_that_openssl_has_signed_is_read_and_verified() {
    let key = oracle(SIZE).to_pkcs8_pem(LineEnding::LF).expect("a key that was made whole");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), key.as_bytes()).expect("a temporary file can be written");
    let path = file.path().to_str().expect("a path in UTF-8");
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max"];
    let arguments: Vec<_> = ["dgst", "-sha256", "-sign", path].into_iter().chain(pss).collect();
    let signature = openssl(&arguments, by_hand().as_bytes());
    let signature = openssl(&["base64", "-A"], &signature);
    let signature = str::from_utf8(&signature).expect("base64");
    let text = format!("{{\"ca_signature_b64\":\"{signature}\",{}", &by_hand()[1..]);

    let status = Status::parse(text.as_bytes()).expect("well formed");
    let good = good(SIZE);
    let genuine =
        |serial, nonce: Option<&_>| verify_status(Portable::new(), &anchor(SIZE), &status, serial, nonce);
    assert_eq!(genuine(good.serial_number, Some(&[9; 32])), Ok(()));
    assert_eq!(status.status(), CertStatus::Revoked(revocation(RevocationReason::KeyCompromise)));
    assert_eq!((status.issuer_id(), status.issuer_key()), (good.issuer_id, good.issuer_key));
    assert_eq!((status.number(), status.nonce()), (7, Some(&[9; 32])));
    assert_eq!((status.this_update(), status.next_update()), (good.this_update, good.next_update));
    assert_eq!((status.text(), status.serial_number()), (text.as_bytes(), good.serial_number));
    assert_eq!(status.signed_slices().concat(), by_hand().as_bytes());
}

/// serde_json and the `rsa` crate read and verify a status of the core.
#[test]
fn others_read_and_verify_a_status() {
    for size in SIZES {
        let text = state(&TbsStatus { status: CertStatus::Unknown, ..good(size) }, size);
        let mut value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["status"], "unknown");
        assert_eq!((value.get("reason"), value.get("revoked_at")), (None, None));
        assert_eq!(serde_json_canonicalizer::to_vec(&value).expect("canonical"), text);
        let signature = value.as_object_mut().expect("an object").remove("ca_signature_b64");
        let signature = signature.expect("a signature");
        let signature = openssl(&["base64", "-d", "-A"], signature.as_str().expect("base64").as_bytes());
        let signed = serde_json_canonicalizer::to_vec(&value).expect("canonical");
        let padding = Pss::<Sha256>::new_with_salt(size.max_salt());
        let verified = oracle(size).as_public_key().verify(padding, &Sha256::digest(&signed), &signature);
        assert_eq!(verified, Ok(()));
    }
}

fn any_time() -> impl Strategy<Value = UnixTime> {
    (0..=UnixTime::MAX.get()).prop_map(|seconds| UnixTime::new(seconds).expect("in range"))
}

fn any_status() -> impl Strategy<Value = CertStatus> {
    let revoked = (prop::sample::select(reasons()), any_time());
    prop_oneof![
        Just(CertStatus::Good),
        Just(CertStatus::Unknown),
        revoked.prop_map(|(reason, revoked_at)| CertStatus::Revoked(Revocation { reason, revoked_at })),
    ]
}

proptest! {
    #[test]
    fn a_status_is_read_as_it_was_written(
        name in "[A-Za-z0-9._:@-]{1,64}",
        issuer_key: [u8; 32],
        serial in 1..=MAX_INTEGER,
        status in any_status(),
        number in 0..=MAX_INTEGER,
        times in (any_time(), any_time()),
        nonce: Option<[u8; 32]>,
        signature in prop::collection::vec(any::<u8>(), 0..=512),
    ) {
        let fields = TbsStatus {
            issuer_id: id(&name),
            issuer_key: Fingerprint(issuer_key),
            serial_number: Serial::new(serial).expect("in range"),
            status,
            number,
            this_update: times.0.min(times.1),
            next_update: times.0.max(times.1),
            nonce,
        };
        let (mut text, mut out) = ([0; STATUS], [0; STATUS]);
        let text = fields.encode(&mut text).expect("room for any status");
        prop_assert_eq!(json::check(text, Form::Canonical), Ok(()));
        let whole = attach_signature(text, &signature, &mut out).expect("room for any status");
        let read = Status::parse(whole).expect("well formed");
        prop_assert_eq!((read.issuer_id(), read.issuer_key()), (fields.issuer_id, fields.issuer_key));
        prop_assert_eq!((read.serial_number(), read.status()), (fields.serial_number, status));
        prop_assert_eq!((read.number(), read.nonce()), (number, nonce.as_ref()));
        prop_assert_eq!((read.this_update(), read.next_update()), (fields.this_update, fields.next_update));
        prop_assert_eq!(read.signed_slices().concat(), text);
        for too_small in 0..text.len() {
            let refused = fields.encode(&mut vec![0; too_small]).map(<[u8]>::len);
            prop_assert_eq!(refused, Err(Error::BufferTooSmall));
        }
    }
}

/// The longest status: the largest signature, the longest name, numbers and reason, and a nonce.
fn longest(status: CertStatus) -> Vec<u8> {
    let name = "z".repeat(64);
    let serial_number = Serial::new(MAX_INTEGER).expect("in range");
    let fields = TbsStatus {
        issuer_id: id(&name),
        serial_number,
        status,
        number: MAX_INTEGER,
        nonce: Some([0xff; 32]),
        ..good(KeySize::Bits4096)
    };
    state(&fields, KeySize::Bits4096)
}

#[test]
fn the_longest_status_and_the_longest_staple_fit_their_limits() {
    let lengths = reasons().into_iter().map(|reason| longest(CertStatus::Revoked(revocation(reason))).len());
    let longest = lengths.max().expect("a reason");
    assert!(longest <= STATUS, "{longest}");
    // Not much room is wasted.
    assert!(STATUS - longest < 64, "{longest}");

    let (certificate, status) = (vec![b'c'; CERTIFICATE], vec![b's'; STATUS]);
    let mut out = [0; STAPLED];
    let payload = Payload { certificate: &certificate, status: Some(&status) };
    assert_eq!(payload.encode(&mut out).expect("room"), staple(&certificate, &status));
}

#[test]
fn a_status_that_no_reader_accepts_is_not_written() {
    let refused = |fields: TbsStatus<'_>| fields.encode(&mut [0; STATUS]).map(drop);
    let large =
        Serial::from_be_bytes(&(MAX_INTEGER + 1).to_be_bytes()[1..]).expect("a serial number of X.509");
    let before = UnixTime::new(good(SIZE).this_update.get() - 1).expect("in range");
    assert_eq!(refused(TbsStatus { serial_number: large, ..good(SIZE) }), Err(Error::SerialNumber));
    for (fields, name) in [
        (TbsStatus { number: MAX_INTEGER + 1, ..good(SIZE) }, "number"),
        (revoked(RevocationReason::RemoveFromHold), "reason"),
        (TbsStatus { next_update: before, ..good(SIZE) }, "next_update"),
    ] {
        assert_eq!(refused(fields), Err(Error::StatusField(name)));
    }
}

#[test]
fn a_certificate_is_no_status_and_a_status_no_certificate() {
    let (certificate, status) = (issue(&sample(&public(SIZE)), SIZE), state(&good(SIZE), SIZE));
    for shown in [Status::parse(&certificate).map(drop), Certificate::parse(&status).map(drop)] {
        let (Err(Error::Json(error)) | Err(Error::StatusJson(error))) = shown else { panic!("{shown:?}") };
        assert_eq!(error.kind, JsonErrorKind::UnknownMember);
    }
}

#[test]
fn every_reason_has_a_name_and_the_code_of_rfc_5280() {
    let expected = [
        ("unspecified", 0),
        ("key_compromise", 1),
        ("affiliation_changed", 3),
        ("superseded", 4),
        ("cessation_of_operation", 5),
        ("certificate_hold", 6),
        ("remove_from_hold", 8),
        ("privilege_withdrawn", 9),
    ];
    let reasons: Vec<_> = RevocationReason::all().map(|reason| (reason.name(), reason.code())).collect();
    assert_eq!(reasons, expected);
    for (reason, (name, code)) in RevocationReason::all().zip(expected) {
        assert_eq!(RevocationReason::from_name(name), Some(reason));
        assert_eq!(RevocationReason::from_code(code), Some(reason));
        assert_eq!(reason.to_string(), name);
    }
    // cACompromise, 7 (not used by the RFC), aACompromise.
    for code in [2, 7, 10, 255] {
        assert_eq!(RevocationReason::from_code(code), None);
    }
    assert_eq!(RevocationReason::from_name(""), None);
    let revoked = CertStatus::Revoked(revocation(RevocationReason::Superseded));
    assert_eq!(
        [CertStatus::Good, revoked, CertStatus::Unknown].map(CertStatus::name),
        ["good", "revoked", "unknown"]
    );
}
