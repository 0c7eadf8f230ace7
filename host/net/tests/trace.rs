//! The explanations of messages and files: one for each, with the place of every field, in 80 columns.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use minipki_core::encoding::json::{self, Form};
use minipki_core::link::{Direction, Observer};
use minipki_core::wire::{Code, Refusal};
use minipki_net::trace::explain::FOREIGN;
use minipki_net::trace::{Printer, places, reading};

const NONCE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const CERTIFICATE: &str = r#"{"ca_signature_b64":"c2ln","issuer_id":"lab-ca","issuer_public_key_pem_b64":"cGVt","serial_number":7,"subject_id":"alice","subject_public_key_info":{"algorithm_id":"X25519","public_key_value_b64":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},"validity":{"not_after":"2027-01-01T00:00:00+00:00","not_before":"2026-10-03T00:00:00+00:00"}}"#;

const UPDATE: &str = r#"{"ca_signature_b64":"c2ln","issuer_id":"lab-ca","issuer_public_key_pem_b64":"cGVt","not_before":"2026-11-27T00:00:00+00:00","previous_key_sha256":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","type":"anchor_update"}"#;

/// A message with its place among the messages of its exchange, or a file.
type Body = (&'static str, Option<(u8, u8)>, String);

/// The name, the place and the body of each message and file about renewal, revocation, status and key change.
fn bodies() -> Vec<Body> {
    let status = status(&format!(r#""nonce_b64":"{NONCE}","#), "good", "");
    vec![
        (
            "renew_request",
            Some((1, 4)),
            format!(
                r#"{{"nonce_b64":"{NONCE}","public_key_algo":"X25519","public_key_value_b64":"{NONCE}","serial_number":7,"subject_id":"alice","type":"renew_request"}}"#
            ),
        ),
        (
            "revoke_request",
            Some((1, 4)),
            format!(
                r#"{{"nonce_b64":"{NONCE}","reason":"key_compromise","serial_number":7,"type":"revoke_request"}}"#
            ),
        ),
        (
            "status_request",
            Some((1, 2)),
            format!(r#"{{"nonce_b64":"{NONCE}","serial_number":7,"type":"status_request"}}"#),
        ),
        (
            "revoked",
            Some((4, 4)),
            format!(r#"{{"ok":true,"revoked":{}}}"#, entry(7, "cessation_of_operation")),
        ),
        ("status", Some((2, 2)), format!(r#"{{"ok":true,"status":{status}}}"#)),
        ("x509_request", Some((1, 2)), r#"{"serial_number":7,"type":"x509_request"}"#.to_owned()),
        ("x509", Some((2, 2)), r#"{"ok":true,"x509_b64":"MAA="}"#.to_owned()),
        ("anchors_request", Some((1, 2)), r#"{"type":"anchors_request"}"#.to_owned()),
        ("anchors", Some((2, 2)), format!(r#"{{"anchors":[{UPDATE},{UPDATE}],"ok":true}}"#)),
        ("anchor_update", None, UPDATE.to_owned()),
        (
            "anchor",
            None,
            format!(
                r#"{{"fingerprint_sha256":"{DIGEST}","former_keys":[{{"fingerprint_sha256":"{DIGEST}","until":"2026-11-27T00:00:00+00:00"}}],"issuer_id":"lab-ca","issuer_public_key_pem_b64":"cGVt"}}"#
            ),
        ),
        ("certificate_status", None, status.clone()),
        ("certificate and status", None, format!(r#"{{"certificate":{CERTIFICATE},"status":{status}}}"#)),
        ("revocation_list", None, list(5)),
        ("CA address", None, r#"{"address":"ca.example.org:9000"}"#.to_owned()),
    ]
}

/// A status with `nonce` before its number, and `revocation` after it.
fn status(nonce: &str, status: &str, revocation: &str) -> String {
    format!(
        r#"{{"ca_signature_b64":"c2ln","issuer_id":"lab-ca","issuer_key_sha256":"{DIGEST}","next_update":"2026-11-28T00:00:00+00:00",{nonce}"number":12,{revocation}"serial_number":7,"status":"{status}","this_update":"2026-11-27T00:00:00+00:00","type":"certificate_status"}}"#
    )
}

fn entry(serial: u64, reason: &str) -> String {
    format!(r#"{{"reason":"{reason}","revoked_at":"2026-11-27T00:00:00+00:00","serial_number":{serial}}}"#)
}

/// A list with `len` entries.
fn list(len: u64) -> String {
    let entries: Vec<_> = (1..=len).map(|serial| entry(serial, "superseded")).collect();
    format!(
        r#"{{"ca_signature_b64":"c2ln","issuer_id":"lab-ca","issuer_key_sha256":"{DIGEST}","next_update":"2026-11-28T00:00:00+00:00","number":12,"revoked":[{}],"this_update":"2026-11-27T00:00:00+00:00","type":"revocation_list"}}"#,
        entries.join(",")
    )
}

/// The depth, name and value of each line.
fn lines(body: &str) -> Vec<(usize, String, String)> {
    let reading = reading::message(body.as_bytes()).expect("a known message");
    reading.lines.into_iter().map(|line| (line.depth, line.name, line.value)).collect()
}

#[test]
fn each_message_of_renewal_revocation_and_status_is_explained() {
    for (name, place, body) in bodies() {
        assert_eq!(json::check(body.as_bytes(), Form::Canonical), Ok(()), "{body}");
        let reading = reading::message(body.as_bytes()).expect("a known message");
        assert_eq!((reading.name, reading.place), (name, place));
        assert!(reading.lines.iter().all(|line| line.why != FOREIGN), "{name}: {:?}", reading.lines);
    }
}

#[test]
fn each_line_has_its_place_in_the_body() {
    let lists = [0, 1, 3, 4].map(list);
    for body in bodies().into_iter().map(|(.., body)| body).chain(lists) {
        let lines: Vec<_> = lines(&body).into_iter().map(|(depth, name, _)| (depth, name)).collect();
        let places = places::message(body.as_bytes());
        let placed: Vec<_> = places.iter().map(|place| (place.depth, place.name.clone())).collect();
        assert_eq!(lines, placed, "{body}");
        for place in &places {
            assert!(!place.at.is_empty() && body.get(place.at.clone()).is_some(), "{place:?}");
        }
    }
}

#[test]
fn a_list_shows_its_first_entries_and_the_number_of_the_others() {
    let within = |len| {
        let lines = lines(&list(len)).into_iter().filter(|(depth, name, _)| *depth == 1 || name == "revoked");
        lines.map(|(_, name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    assert_eq!(within(0), ["revoked: 0 entries"]);
    assert_eq!(within(1), ["revoked: 1 entry", "entry 1: 3 fields"]);
    let entries = ["entry 1: 3 fields", "entry 2: 3 fields", "entry 3: 3 fields"];
    assert_eq!(within(3), [&["revoked: 3 entries"], &entries[..]].concat());
    assert_eq!(within(100), [&["revoked: 100 entries"], &entries[..], &["others: 97 entries"]].concat());

    let body = list(6);
    let places = places::message(body.as_bytes());
    let text = |name: &str| {
        let place = places.iter().find(|place| place.name == name).expect("the line has a place");
        body.get(place.at.clone()).expect("within the body").to_owned()
    };
    assert_eq!(text("entry 2"), entry(2, "superseded"));
    assert_eq!(text("others"), [4, 5, 6].map(|serial| entry(serial, "superseded")).join(","));
    assert_eq!(text("this_update"), "\"2026-11-27T00:00:00+00:00\"");
}

#[test]
fn a_list_that_is_not_canonical_is_read_to_its_end() {
    let list = list(5);
    for (from, to) in [("[{", "[ {"), ("},{", "}, {"), ("[{", "[{},[[],\"]\"],5,{"), ("}],", "} ] ,")] {
        let body = list.replace(from, to);
        assert_ne!(body, list);
        assert!(!lines(&body).is_empty() && !places::message(body.as_bytes()).is_empty());
    }
}

#[test]
fn the_code_of_a_refusal_is_explained() {
    for code in Code::all() {
        let mut body = [0; 256];
        let len = Refusal::from(code).encode(&mut body).expect("the buffer is large enough");
        let reading = reading::message(&body[..len]).expect("a refusal");
        let line = reading.lines.iter().find(|line| line.name == "code").expect("a code");
        assert_eq!((line.value.as_str(), line.why), (format!("\"{code}\"").as_str(), code.text()));
    }
}

#[test]
fn a_file_of_another_program_is_not_taken_for_one_of_minipki() {
    for body in [
        r#"{"address":"10.0.0.1","password":"secret"}"#,
        r#"{"certificate":"secret","status":"secret"}"#,
        r#"{"status":"secret"}"#,
    ] {
        assert!(reading::message(body.as_bytes()).is_err(), "{body}");
    }
}

/// A writer whose text can be read.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `text` without ANSI styles.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.filter_map(|part| part.split_once('m')).fold(first, |text, (_, rest)| text + rest)
}

#[test]
fn a_trace_fits_a_terminal() {
    let written = Written::default();
    let printer = Printer::new(written.clone(), "client", "CA");
    for (_, place, body) in bodies() {
        // A file, or the payload of a handshake, is no frame.
        match place {
            Some(_) => printer.frame(Direction::Sent, body.as_bytes()),
            None => printer.plaintext(Direction::Sent, body.as_bytes()),
        }
    }
    let revocation = r#""reason":"cessation_of_operation","revoked_at":"2026-11-27T00:00:00+00:00","#;
    printer.plaintext(Direction::Received, status("", "revoked", revocation).as_bytes());
    for code in Code::all() {
        let mut body = [0; 256];
        let len = Refusal::from(code).encode(&mut body).expect("the buffer is large enough");
        printer.frame(Direction::Received, &body[..len]);
    }
    let text = String::from_utf8(written.0.lock().expect("not poisoned").clone()).expect("a text");
    let text = plain(&text);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
    for shown in ["message 1 of 4: renew_request", "issuer_key_sha256", DIGEST, "cessation_of_operation"] {
        assert!(text.contains(shown), "{shown} is not in:\n{text}");
    }
    assert!(!text.contains("does not belong"), "{text}");
}
