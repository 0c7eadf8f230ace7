//! Changes of a CA's key: updates, the anchor that follows them, and the certificates of former keys.

use minipki_core::cert::{
    Anchor, AnchorUpdate, Certificate, Error, FormerKey, Status, TbsAnchorUpdate, TbsStatus,
    attach_signature, verify, verify_status,
};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize::{self, Bits2048, Bits3072, Bits4096};
use minipki_core::encoding::JsonErrorKind;
use minipki_core::keys::Fingerprint;
use minipki_core::limits::{ANCHOR, ANCHOR_UPDATE, FORMER_KEYS};
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{RevocationCheck, StatusPolicy, StatusRule, Validity};
use minipki_fixtures::anchors::{CHANGED, followed, sign_update, update, with_fields};
use minipki_fixtures::certificates::{ISSUER, NOW, anchor, id, issue, sample, sign, time};
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::{public, spki_der};
use minipki_fixtures::statuses::{good, state};
use proptest::prelude::*;

fn follow(anchor: &mut Anchor, text: &[u8]) -> Result<(), Error> {
    anchor.follow(Portable::new(), &AnchorUpdate::parse(text)?)
}

fn fingerprint(size: KeySize) -> Fingerprint {
    public(size).fingerprint(Portable::new())
}

/// The sample certificate by the key of this size, valid from `not_before` on.
fn certificate(size: KeySize, not_before: &str) -> Vec<u8> {
    let key = public(size);
    let validity = Validity::new(time(not_before), time("2026-07-01T00:00:00+00:00")).expect("in order");
    issue(&minipki_core::cert::TbsCertificate { validity, ..sample(&key) }, size)
}

fn check(anchor: &Anchor, text: &[u8], revocation: RevocationCheck<'_>) -> Result<(), Error> {
    let certificate = Certificate::parse(text).expect("well formed");
    verify(Portable::new(), anchor, &certificate, Now::Exact(time(NOW)), revocation).map(drop)
}

#[test]
fn an_anchor_follows_each_change_of_the_key() {
    let mut anchor = followed();
    assert_eq!((anchor.fingerprint(), anchor.key()), (fingerprint(Bits3072), Some(&public(Bits3072))));
    assert_eq!(anchor.issuer_id(), Some(id(ISSUER)));
    let first = FormerKey { fingerprint: fingerprint(Bits2048), until: time(CHANGED) };
    assert_eq!(anchor.former_keys(), [first]);
    follow(&mut anchor, &update(Bits3072, Bits4096)).expect("a genuine update");
    let second = FormerKey { fingerprint: fingerprint(Bits3072), until: time(CHANGED) };
    assert_eq!((anchor.fingerprint(), anchor.former_keys()), (fingerprint(Bits4096), &[first, second][..]));
    for size in [Bits2048, Bits3072, Bits4096] {
        assert!(anchor.has_key(&fingerprint(size)));
    }
}

#[test]
fn both_keys_verify_in_the_overlap_and_the_former_key_only_what_it_signed_in_its_time() {
    let (before, at, after) = ("2026-06-09T23:59:59+00:00", CHANGED, "2026-06-10T00:00:01+00:00");
    let anchor = followed();
    for (size, not_before, expected) in [
        (Bits2048, before, Ok(())),
        (Bits2048, at, Ok(())),
        (Bits2048, after, Err(Error::IssuerKeyMismatch)),
        (Bits3072, before, Ok(())),
        (Bits3072, after, Ok(())),
        (Bits4096, before, Err(Error::IssuerKeyMismatch)),
    ] {
        let text = certificate(size, not_before);
        assert_eq!(check(&anchor, &text, RevocationCheck::NotChecked), expected, "{size:?} {not_before}");
    }
    // Before the change was followed, the new key is unknown.
    let text = certificate(Bits3072, after);
    let unknown =
        check(&minipki_fixtures::certificates::anchor(Bits2048), &text, RevocationCheck::NotChecked);
    assert_eq!(unknown, Err(Error::IssuerKeyMismatch));
}

#[test]
fn an_anchor_by_fingerprint_may_have_former_keys() {
    let mut anchor: Anchor = Anchor::from_fingerprint(fingerprint(Bits3072));
    anchor
        .add_former_key(FormerKey { fingerprint: fingerprint(Bits2048), until: time(CHANGED) })
        .expect("another key");
    for size in [Bits2048, Bits3072] {
        let text = certificate(size, "2026-06-01T00:00:00+00:00");
        assert_eq!(check(&anchor, &text, RevocationCheck::NotChecked), Ok(()));
    }
    let certificate_text = certificate(Bits2048, "2026-06-01T00:00:00+00:00");
    let parsed = Certificate::parse(&certificate_text).expect("well formed");
    let now = Now::Exact(time(NOW));
    let verified =
        verify(Portable::new(), &anchor, &parsed, now, RevocationCheck::NotChecked).expect("valid");
    // Its issuer is not the present key.
    assert_eq!(anchor.clone().pin_issuer(Portable::new(), &verified), Err(Error::IssuerKeyMismatch));
    let issuer = <Anchor>::of_issuer(Portable::new(), &verified).expect("a key");
    assert_eq!(issuer, minipki_fixtures::certificates::anchor(Bits2048));
    assert_eq!(follow(&mut anchor, &update(Bits3072, Bits4096)), Err(Error::AnchorIncomplete));
}

#[test]
fn the_status_of_a_certificate_is_by_the_key_of_the_certificate() {
    let (anchor, text) = (followed(), certificate(Bits2048, "2026-06-01T00:00:00+00:00"));
    let policy = StatusPolicy { rule: StatusRule::Required, lowest_number: 0 };
    let by = |size| state(&good(size), size);
    let required =
        |status: &[u8]| check(&anchor, &text, RevocationCheck::Status { status: Some(status), policy });
    assert_eq!(required(&by(Bits2048)), Ok(()));
    assert_eq!(required(&by(Bits3072)), Err(Error::StatusIssuer));
    // The new key cannot speak for the former one, not even in its name.
    let fields = TbsStatus { issuer_key: fingerprint(Bits2048), ..good(Bits3072) };
    let forged = required(&state(&fields, Bits3072));
    assert!(matches!(forged, Err(Error::StatusSignature(_))), "{forged:?}");
    // A client asks for the status of its own certificate with the anchor of its issuer.
    let status = by(Bits2048);
    let status = Status::parse(&status).expect("well formed");
    let own = verify_status(Portable::new(), &anchor, &status, status.serial_number(), None);
    assert_eq!(own, Err(Error::StatusIssuer));
    let issuer = minipki_fixtures::certificates::anchor(Bits2048);
    assert_eq!(verify_status(Portable::new(), &issuer, &status, status.serial_number(), None), Ok(()));
}

#[test]
fn an_anchor_stays_as_it_is_after_an_update_that_is_refused() {
    let genuine = update(Bits2048, Bits3072);
    let changed = |from: &str, to: &str| {
        let text = String::from_utf8(genuine.clone()).expect("ASCII");
        assert!(text.contains(from), "{from}");
        text.replace(from, to).into_bytes()
    };
    let signed_by = |size: KeySize, change: fn(&mut TbsAnchorUpdate<'_>)| {
        with_fields(Bits2048, Bits3072, |mut fields| {
            change(&mut fields);
            sign_update(&fields, size)
        })
    };
    let back = update(Bits3072, Bits2048);
    for (anchor, text, expected) in [
        (anchor(Bits2048), update(Bits3072, Bits4096), "the anchor updates of the CA do not lead"),
        (anchor(Bits2048), signed_by(Bits3072, |_| ()), "not signed by the trusted key"),
        (anchor(Bits2048), signed_by(Bits4096, |_| ()), "not signed by the trusted key"),
        (anchor(Bits2048), signed_by(Bits2048, |fields| fields.issuer_id = id("other")), "another CA"),
        (
            anchor(Bits2048),
            changed("2026-06-10", "2026-06-11"),
            "the anchor update was changed: the trusted key has signed another text",
        ),
        (followed(), genuine.clone(), "do not lead"),
        (followed(), back, "would be an earlier one"),
        (anchor(Bits2048), update(Bits2048, Bits2048), "would be an earlier one"),
    ] {
        let mut after = anchor.clone();
        let error = follow(&mut after, &text).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
        assert_eq!(error.check(), None);
        assert_eq!(after, anchor);
    }
}

#[test]
fn a_malformed_update_is_refused_by_its_field() {
    let text = String::from_utf8(update(Bits2048, Bits3072)).expect("ASCII");
    let previous = fingerprint(Bits2048).to_string();
    for (from, to, field) in [
        ("anchor_update", "anchor_updates", "type"),
        (ISSUER, "", "issuer_id"),
        ("00:00:00+00:00", "00:00:00Z", "not_before"),
        (&previous, &previous.to_uppercase(), "previous_key_sha256"),
        (&previous, &previous[1..], "previous_key_sha256"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replace(from, to);
        assert_eq!(AnchorUpdate::parse(changed.as_bytes()).err(), Some(Error::UpdateField(field)));
    }
    for (from, to, kind) in [
        ("{\"ca_signature_b64\"", "{ \"ca_signature_b64\"", JsonErrorKind::Whitespace),
        ("\"not_before\":", "\"not_after\":", JsonErrorKind::UnknownMember),
        (",\"type\":\"anchor_update\"", "", JsonErrorKind::MissingMember("type")),
        (",\"type\":\"anchor_update\"", ",\"type\":7", JsonErrorKind::MemberType("type")),
        (",\"type\"", ",\"a\":1,\"type\"", JsonErrorKind::KeyOrder),
        ("anchor_update\"}", "anchor_update\"}}", JsonErrorKind::Trailing),
    ] {
        let changed = text.replace(from, to);
        let error = AnchorUpdate::parse(changed.as_bytes()).expect_err(from);
        assert!(matches!(error, Error::UpdateJson(error) if error.kind == kind), "{error:?}");
    }
    // The key and the signature are read only after the signature of the pinned key is verified.
    let mut pinned = anchor(Bits2048);
    let bad_signature = text.replacen("\"ca_signature_b64\":\"", "\"ca_signature_b64\":\"*", 1);
    assert_eq!(follow(&mut pinned, bad_signature.as_bytes()), Err(Error::UpdateField("ca_signature_b64")));
    let bad_key = with_fields(Bits2048, Bits3072, |fields| {
        let mut out = [0; ANCHOR_UPDATE];
        let text = str::from_utf8(fields.encode(&mut out).expect("room")).expect("ASCII");
        text.replace("LS0tLS1CRUdJTiBQVUJMSUMg", "LS0tLS1CRUdJTiBQVUJMSUNf")
    });
    let signature = sign(bad_key.as_bytes(), Bits2048, Bits2048.max_salt());
    let mut out = [0; ANCHOR_UPDATE];
    let bad_key = attach_signature(bad_key.as_bytes(), &signature, &mut out).expect("room");
    assert_eq!(follow(&mut pinned, bad_key), Err(Error::UpdateField("issuer_public_key_pem_b64")));
}

#[test]
fn an_update_with_any_one_byte_changed_is_refused() {
    let genuine = update(Bits2048, Bits3072);
    for at in 0..genuine.len() {
        let mut changed = genuine.clone();
        changed[at] ^= 1;
        let mut pinned = anchor(Bits2048);
        assert!(follow(&mut pinned, &changed).is_err(), "byte {at}");
        assert_eq!(pinned, anchor(Bits2048));
    }
}

/// The canonical text is that of another implementation of JSON, and OpenSSL verifies the signature.
#[test]
fn openssl_verifies_an_update() {
    let text = update(Bits2048, Bits3072);
    let mut object: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(serde_json::to_vec(&object).expect("JSON"), text);
    let members = object.as_object_mut().expect("an object");
    let signature = members.remove("ca_signature_b64").expect("a signature");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    let encoded = format!("{}\n", signature.as_str().expect("text"));
    let signature = file("signature", &openssl(&["base64", "-d", "-A"], encoded.as_bytes()));
    let key = file("key.der", &spki_der(Bits2048));
    let key = file("key.pem", &openssl(&["pkey", "-pubin", "-inform", "DER", "-in", &key], b""));
    let verified = openssl(
        &[
            "dgst",
            "-sha256",
            "-verify",
            &key,
            "-signature",
            &signature,
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:auto",
        ],
        &serde_json::to_vec(&object).expect("JSON"),
    );
    assert_eq!(verified, b"Verified OK\n");
}

#[test]
fn former_keys_are_kept_in_the_file_and_the_earliest_makes_room() {
    let mut kept = followed();
    let mut out = [0; ANCHOR];
    let text = kept.encode(&mut out).expect("room").to_vec();
    let object: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(serde_json::to_vec(&object).expect("JSON"), text, "canonical");
    let former = &object["former_keys"][0];
    assert_eq!(former["fingerprint_sha256"], fingerprint(Bits2048).to_string());
    assert_eq!(former["until"], CHANGED);
    assert_eq!(Anchor::decode(Portable::new(), &text), Ok(kept.clone()));

    let key = |number: u8| FormerKey { fingerprint: Fingerprint([number; 32]), until: time(CHANGED) };
    for number in 1..=FORMER_KEYS as u8 {
        kept.add_former_key(key(number)).expect("a new key");
    }
    assert_eq!(kept.former_keys(), (1..=FORMER_KEYS as u8).map(key).collect::<Vec<_>>());
    assert_eq!(kept.add_former_key(key(1)), Err(Error::AnchorFormerKeys));
    let present = FormerKey { fingerprint: kept.fingerprint(), until: time(CHANGED) };
    assert_eq!(kept.add_former_key(present), Err(Error::AnchorFormerKeys));

    // The largest anchor and the largest update fit their limits.
    let name = "n".repeat(64);
    let mut largest = Anchor::from_key(Portable::new(), id(&name), public(Bits4096));
    for number in 0..FORMER_KEYS as u8 {
        largest.add_former_key(key(number)).expect("a new key");
    }
    assert_eq!(Anchor::decode(Portable::new(), largest.encode(&mut out).expect("room")), Ok(largest.clone()));
    let fields = TbsAnchorUpdate {
        issuer_id: id(&name),
        issuer_key: &public(Bits4096),
        not_before: UnixTime::MAX,
        previous_key: fingerprint(Bits4096),
    };
    assert!(2 * sign_update(&fields, Bits4096).len() < 2 * ANCHOR_UPDATE);
}

#[test]
fn a_file_with_malformed_former_keys_is_refused() {
    let fingerprint = "01".repeat(32);
    let item = format!(r#"{{"fingerprint_sha256":"{fingerprint}","until":"{CHANGED}"}}"#);
    let read = |former: &str| {
        let other = "02".repeat(32);
        let text = format!(r#"{{ "fingerprint_sha256": "{other}", "former_keys": {former} }}"#);
        <Anchor>::decode(Portable::new(), text.as_bytes()).map(|anchor| anchor.former_keys().len())
    };
    assert_eq!(read("[]"), Ok(0));
    assert_eq!(read(&format!("[{item}]")), Ok(1));
    let many: Vec<_> =
        (0..=FORMER_KEYS).map(|number| item.replace(&fingerprint, &format!("{number:064x}"))).collect();
    assert_eq!(read(&format!("[{}]", many[1..].join(","))), Ok(FORMER_KEYS));
    for former in [
        format!("[{}]", many.join(",")),
        format!("[{item},{item}]"),
        format!("[{}]", item.replace("01", "02")),
        format!("[{}]", item.replace("01", "0g")),
        format!("[{}]", item.replace("+00:00", "Z")),
    ] {
        assert_eq!(read(&former), Err(Error::AnchorFormerKeys), "{former}");
    }
    for former in ["{}", "7", "[7]", "[[]]", "[{}]", "null", &format!("[{}]", item.replace("until", "after"))]
    {
        assert!(matches!(read(former), Err(Error::Json(_))), "{former}");
    }
}

proptest! {
    #[test]
    fn an_update_is_read_as_it_was_written(
        name in "[A-Za-z0-9._:@-]{1,64}",
        size in prop::sample::select(vec![Bits2048, Bits3072, Bits4096]),
        seconds in 0..=UnixTime::MAX.get(),
        previous: [u8; 32],
    ) {
        let fields = TbsAnchorUpdate {
            issuer_id: id(&name),
            issuer_key: &public(size),
            not_before: UnixTime::new(seconds).expect("in range"),
            previous_key: Fingerprint(previous),
        };
        let (mut text, mut signed) = ([0; ANCHOR_UPDATE], [0; ANCHOR_UPDATE]);
        let text = fields.encode(&mut text).expect("room");
        let signed = attach_signature(text, &[7; 512], &mut signed).expect("room");
        let update = AnchorUpdate::parse(signed).expect("well formed");
        prop_assert_eq!(update.text(), signed);
        prop_assert_eq!((update.issuer_id(), update.not_before()), (fields.issuer_id, fields.not_before));
        prop_assert_eq!(update.previous_key(), fields.previous_key);
        prop_assert_eq!(update.issuer_key(), Ok(public(size)));
    }

    #[test]
    fn random_damage_never_panics_and_never_passes(
        at in 0..1500_usize,
        bytes in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        let genuine = update(Bits2048, Bits3072);
        let mut damaged = genuine.clone();
        let at = at % damaged.len();
        damaged.splice(at..(at + bytes.len()).min(genuine.len()), bytes);
        let mut pinned = anchor(Bits2048);
        prop_assert!(damaged == genuine || follow(&mut pinned, &damaged).is_err());
    }
}
