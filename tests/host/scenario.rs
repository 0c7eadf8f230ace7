//! The scenario of the walk-through: its record, and the refusal of every changed byte.

use std::collections::BTreeSet;
use std::num::NonZeroU8;

use minipki_ca::ports::Page;
use minipki_ca::{Enrolment, Policy, Token};
use minipki_core::cert::{Certificate, IdBuf};
use minipki_lab::MessageKind::{
    Anchors, AnchorsRequest, Close, EnrollChallenge, EnrollProof, EnrollRequest, Granted, Handshake1,
    Handshake2, Handshake3, Record, RenewRequest, RevokeRequest, Revoked, Status, StatusRequest,
};
use minipki_lab::Participant::{Alice, Bob, Ca};
use minipki_lab::{
    CaEndpoint, Flip, MessageKind, Participant, Refusal, Scenario, ScenarioError, Step, attacks,
};
use minipki_net::trace::{Reading, places, reading};
use minipki_provider::HostProvider;
use minipki_tests::peers::identity;
use minipki_tests::server::{Setup, TestServer};
use rand_core::UnwrapErr;

/// A message of the scenario: its sender, its receiver and its kind.
type Key = (Participant, Participant, MessageKind);

/// All messages, in order.
const MESSAGES: [Key; 27] = [
    (Alice, Ca, EnrollRequest),
    (Ca, Alice, EnrollChallenge),
    (Alice, Ca, EnrollProof),
    (Ca, Alice, Granted),
    (Bob, Ca, EnrollRequest),
    (Ca, Bob, EnrollChallenge),
    (Bob, Ca, EnrollProof),
    (Ca, Bob, Granted),
    (Alice, Bob, Handshake1),
    (Bob, Alice, Handshake2),
    (Alice, Bob, Handshake3),
    (Alice, Bob, Record(0)),
    (Alice, Bob, Close(1)),
    (Bob, Alice, Record(0)),
    (Bob, Alice, Close(1)),
    (Alice, Ca, RenewRequest),
    (Ca, Alice, EnrollChallenge),
    (Alice, Ca, EnrollProof),
    (Ca, Alice, Granted),
    (Bob, Ca, RevokeRequest),
    (Ca, Bob, EnrollChallenge),
    (Bob, Ca, EnrollProof),
    (Ca, Bob, Revoked),
    (Bob, Ca, StatusRequest),
    (Ca, Bob, Status),
    (Alice, Ca, AnchorsRequest),
    (Ca, Alice, Anchors),
];

fn key(step: &Step) -> Key {
    (step.from, step.to, step.kind)
}

/// The number of a message; of the first one, if there are several.
fn number(scenario: &Scenario, message: Key) -> usize {
    scenario.steps().iter().position(|step| key(step) == message).expect("the scenario has this message")
}

fn step(scenario: &Scenario, message: Key) -> &Step {
    &scenario.steps()[number(scenario, message)]
}

async fn run() -> (TestServer, Scenario) {
    let server = TestServer::start(Setup::default()).await;
    let scenario =
        Scenario::run(&server.endpoint(), HostProvider::default()).await.expect("a CA that issues");
    (server, scenario)
}

fn read(step: &Step) -> (Reading, Vec<places::Place>) {
    match step.kind.record() {
        Some(number) => (reading::record(step.body(), number), places::record(step.body())),
        None => (reading::message(step.body()).expect("a known message"), places::message(step.body())),
    }
}

#[tokio::test]
async fn the_scenario_is_complete_and_in_order() {
    let (server, scenario) = run().await;
    let messages: Vec<_> = scenario.steps().iter().map(key).collect();
    assert_eq!(messages, MESSAGES);
    for step in scenario.steps() {
        let name = if matches!(step.kind, Close(_)) { "encrypted message" } else { step.kind.name() };
        assert_eq!(read(step).0.name, name);
    }

    // The plaintexts are the certificates in the ledger and the texts of the conversation.
    let page = Page { subject: None, after: 0, limit: 100 };
    let recorded: Vec<_> =
        server.reader().list(page).expect("a ledger").into_iter().map(|r| r.certificate).collect();
    let plaintext = |message| step(&scenario, message).plaintext.as_deref().expect("a plaintext");
    let [alice, bob] = scenario.names();
    for (message, name) in [((Bob, Alice, Handshake2), bob), ((Alice, Bob, Handshake3), alice)] {
        let sent = plaintext(message);
        let certificate = Certificate::parse(sent).expect("a certificate");
        assert_eq!(certificate.subject_id(), name);
        assert!(recorded.iter().any(|text| text == sent), "the ledger has it");
    }
    let text_of = |message| String::from_utf8_lossy(plaintext(message));
    for (message, text) in
        [((Alice, Bob, Record(0)), "Hello bob"), ((Bob, Alice, Record(0)), "Nobody, alice")]
    {
        assert!(text_of(message).contains(text), "{}", text_of(message));
    }
    assert_eq!(text_of((Alice, Bob, Close(1))), "");
    assert_eq!(text_of((Bob, Alice, Close(1))), "");
}

#[tokio::test]
async fn each_message_has_the_notes_of_its_ends() {
    let (_server, scenario) = run().await;
    let noted: Vec<_> = scenario
        .steps()
        .iter()
        .map(|step| {
            let by = |notes: &[minipki_lab::Note]| notes.iter().map(|note| note.by).collect::<Vec<_>>();
            (key(step), by(&step.before), by(&step.after))
        })
        .collect();
    for ((from, to, kind), before, after) in noted {
        let encrypted = kind.record().is_some();
        assert_eq!(before, if encrypted { vec![] } else { vec![from] }, "{kind:?}");
        let expected = match kind {
            Handshake3 => vec![Bob, Alice, Bob],
            Granted | Revoked | Status | Anchors | Handshake2 => vec![to],
            _ if encrypted => vec![to],
            _ => vec![],
        };
        assert_eq!(after, expected, "{kind:?}");
    }
    let reads = |message, text: &str| {
        let after = &step(&scenario, message).after;
        assert!(after[0].text.contains(text), "{after:?}");
    };
    reads((Alice, Bob, Record(0)), "reads: Hello bob");
    reads((Bob, Alice, Record(0)), "reads: Nobody, alice");

    // Each end encrypts with the other end's decryption key. The two directions have different keys.
    let keys = |by| {
        let after = &step(&scenario, (Alice, Bob, Handshake3)).after;
        let note = after.iter().find(|note| note.by == by && note.text.contains("has the keys"));
        let text = &note.expect("the note with the keys").text;
        let after = |mark: &str| text.split(mark).nth(1).expect("a fingerprint")[..32].to_owned();
        (after("for sending: "), after("for receiving: "), after("Handshake hash: "))
    };
    let ((a_seals, a_opens, a_hash), (b_seals, b_opens, b_hash)) = (keys(Alice), keys(Bob));
    assert_eq!((&a_seals, &a_opens, a_hash), (&b_opens, &b_seals, b_hash));
    assert_ne!(a_seals, a_opens);
}

#[tokio::test]
async fn every_field_has_its_place_in_the_bytes() {
    let (_server, scenario) = run().await;
    for step in scenario.steps() {
        let (Reading { lines, .. }, places) = read(step);
        let named = |depth: usize, name: &str| (depth, name.to_owned());
        let of_lines: Vec<_> = lines.iter().map(|line| named(line.depth, &line.name)).collect();
        let of_places: Vec<_> = places.iter().map(|place| named(place.depth, &place.name)).collect();
        assert_eq!(of_lines, of_places);
        for (line, place) in lines.iter().zip(&places) {
            let text = String::from_utf8_lossy(&step.body()[place.at.clone()]).into_owned();
            if line.name == "subject_id" || line.name == "serial_number" || line.name == "type" {
                assert_eq!(text, line.value, "{}", line.name);
            }
        }
    }
}

async fn flipped(server: &TestServer, scenario: &Scenario, flip: Flip) -> Refusal {
    let refusal = scenario.flip(&server.endpoint(), flip).await;
    let refusal = refusal.unwrap_or_else(|error| panic!("{flip:?}: {error}"));
    assert!(!refusal.check.is_empty() && !refusal.field.is_empty(), "{flip:?}");
    assert_eq!(refusal.arrived, flip.apply(refusal.sent));
    assert_ne!(refusal.arrived, refusal.sent);
    assert_eq!(refusal.travelled[0].kind, scenario.steps()[flip.step].kind);
    refusal
}

const TAG_DIFFERS: &str = "the authentication tag does not fit";
const PROOF_DIFFERS: &str = "the proof does not fit";
const NOT_SIGNED: &str = "the certificate is not signed by the trusted key";
const CHANGED: &str = "the certificate was changed: the trusted key has signed another text";

/// For a changed byte in a field of a message: the participant that finds it, the check, and the refusal code.
const FOUND: [(Key, &str, Participant, &str, Option<&str>); 23] = [
    ((Alice, Ca, EnrollRequest), "subject_id", Ca, PROOF_DIFFERS, Some("proof_failed")),
    ((Alice, Ca, EnrollRequest), "type", Ca, "this type of message is not served", Some("unknown_type")),
    ((Ca, Alice, EnrollChallenge), "ca_share_b64", Ca, PROOF_DIFFERS, Some("proof_failed")),
    ((Ca, Alice, EnrollChallenge), "nonce_b64", Ca, PROOF_DIFFERS, Some("proof_failed")),
    ((Alice, Ca, EnrollProof), "proof_b64", Ca, PROOF_DIFFERS, Some("proof_failed")),
    ((Ca, Alice, Granted), "ca_signature_b64", Alice, NOT_SIGNED, None),
    ((Ca, Alice, Granted), "issuer_id", Alice, CHANGED, None),
    ((Ca, Alice, Granted), "serial_number", Alice, CHANGED, None),
    ((Ca, Bob, Granted), "not_after", Bob, "", None),
    ((Alice, Bob, Handshake1), "e", Alice, TAG_DIFFERS, Some("handshake_failed")),
    ((Bob, Alice, Handshake2), "payload", Alice, TAG_DIFFERS, Some("handshake_failed")),
    ((Alice, Bob, Handshake3), "s", Bob, TAG_DIFFERS, Some("handshake_failed")),
    ((Alice, Bob, Record(0)), "ciphertext", Bob, TAG_DIFFERS, None),
    ((Alice, Bob, Close(1)), "tag", Bob, TAG_DIFFERS, None),
    ((Bob, Alice, Record(0)), "tag", Alice, TAG_DIFFERS, None),
    ((Alice, Ca, RenewRequest), "public_key_value_b64", Ca, PROOF_DIFFERS, Some("proof_failed")),
    ((Bob, Ca, RevokeRequest), "reason", Ca, "", Some("bad_request")),
    ((Bob, Ca, RevokeRequest), "nonce_b64", Ca, PROOF_DIFFERS, Some("proof_failed")),
    ((Ca, Bob, Revoked), "revoked_at", Bob, "its signed status (revoked) does not", None),
    ((Bob, Ca, StatusRequest), "nonce_b64", Bob, "another nonce", None),
    ((Ca, Bob, Status), "ca_signature_b64", Bob, "the revocation status is not signed", None),
    ((Alice, Ca, AnchorsRequest), "type", Ca, "this type of message is not served", Some("unknown_type")),
    ((Ca, Alice, Anchors), "ok", Alice, "", None),
];

#[tokio::test]
async fn a_change_of_each_field_is_found_by_a_check() {
    let (server, scenario) = run().await;
    for (message, field, by, text, code) in FOUND {
        let (_, places) = read(step(&scenario, message));
        let place = places.iter().find(|place| place.name == field).expect("the message has the field");
        // A byte in the middle of the value. The frame's header has 4 bytes.
        let offset = 4 + (place.at.start + place.at.end) / 2;
        let flip = Flip { step: number(&scenario, message), offset, mask: None };
        let refusal = flipped(&server, &scenario, flip).await;
        let Refusal { check, .. } = &refusal;
        let at = format!("{message:?} {field}: {check}");
        assert!(refusal.field.split('.').any(|part| part == field), "{at}: {}", refusal.field);
        assert_eq!((refusal.by, refusal.code.as_deref()), (by, code), "{at}");
        assert!(check.contains(text), "{at}");
    }
}

/// The number of bytes at the start of a message that are all tested, and the distance of the tested bytes after them.
const DENSE: usize = 40;
const STRIDE: usize = 23;

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_changed_anywhere_is_refused_by_a_named_check() {
    let (server, scenario) = run().await;
    let mut checks = BTreeSet::new();
    for (step, there) in scenario.steps().iter().enumerate() {
        // Bob's enrolment has the same messages as alice's.
        if step < 8 && matches!(key(there), (Ca, Bob, _) | (Bob, Ca, _)) {
            continue;
        }
        for (offset, byte) in there.frame.iter().enumerate() {
            if offset >= DENSE && !(offset + step).is_multiple_of(STRIDE) && offset + 4 < there.frame.len() {
                continue;
            }
            // After a longer length both sides wait until a deadline. One such case is enough.
            let longer = offset < 4 && offset != 1;
            let mask = longer.then(|| NonZeroU8::new(*byte).unwrap_or(NonZeroU8::MAX));
            let refusal = flipped(&server, &scenario, Flip { step, offset, mask }).await;
            // The position does not count as a difference between checks.
            checks.insert(refusal.check.split(" (at byte").next().unwrap_or_default().to_owned());
        }
    }
    assert!(checks.len() >= 8, "{checks:#?}");
}

#[tokio::test]
async fn a_message_shorter_than_its_length_ends_by_a_deadline_or_as_cut_off() {
    let (server, scenario) = run().await;
    for message in [(Alice, Ca, EnrollRequest), (Alice, Bob, Handshake1), (Alice, Bob, Record(0))] {
        // The length grows by 512 or 1024 bytes.
        let mask = if step(&scenario, message).frame[2] & 2 == 0 { 2 } else { 4 };
        let flip = Flip { step: number(&scenario, message), offset: 2, mask: NonZeroU8::new(mask) };
        let refusal = flipped(&server, &scenario, flip).await;
        assert_eq!(refusal.field, "length prefix");
        let says = ["exceeded the time limit", "ended where more was expected"];
        assert!(says.iter().any(|says| refusal.check.contains(says)), "{message:?}: {}", refusal.check);
    }
}

#[tokio::test]
async fn a_byte_outside_the_message_cannot_be_changed() {
    let (server, scenario) = run().await;
    let proof = number(&scenario, (Alice, Ca, EnrollProof));
    let end = scenario.steps()[proof].frame.len();
    for (step, offset) in [(proof, end), (scenario.steps().len(), 0), (usize::MAX, usize::MAX)] {
        let flip = Flip { step, offset, mask: None };
        let error = scenario.flip(&server.endpoint(), flip).await.expect_err("no such byte");
        assert!(matches!(error, ScenarioError::NoSuchByte { .. }), "{error}");
    }
}

/// One serial number in ten has a digit less, so that the message is shorter than the recorded one.
#[tokio::test]
async fn the_last_byte_is_changed_however_long_the_serial_number_is() {
    let (server, scenario) = run().await;
    let granted = number(&scenario, (Ca, Alice, Granted));
    let last = scenario.steps()[granted].frame.len() - 1;
    for _ in 0..60 {
        flipped(&server, &scenario, Flip { step: granted, offset: last, mask: None }).await;
    }
}

#[tokio::test]
async fn the_scenario_runs_where_tokens_are_required() {
    let policy = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    let server = TestServer::start(Setup { policy, ..Setup::default() }).await;
    let Err(error) = Scenario::run(&server.endpoint(), HostProvider::default()).await else {
        panic!("no token, no certificate")
    };
    assert!(error.to_string().contains("token"), "{error}");

    let make = |subject: &IdBuf| {
        let token = Token::generate(&mut UnwrapErr(getrandom::SysRng)).map_err(|error| error.to_string())?;
        server.add_token(token.text(), &subject.to_string(), 60);
        Ok(token)
    };
    let ca = CaEndpoint { tokens: Some(&make), ..server.endpoint() };
    let scenario = Scenario::run(&ca, HostProvider::default()).await.expect("with tokens");
    let step = number(&scenario, (Alice, Ca, EnrollProof));
    let refusal = scenario.flip(&ca, Flip { step, offset: 30, mask: None }).await.expect("refused");
    assert_eq!(refusal.code.as_deref(), Some("proof_failed"));
}

#[tokio::test]
async fn an_unreachable_ca_is_reported() {
    let (server, scenario) = run().await;
    let ca = server.endpoint();
    server.stop().await.expect("no panic").expect("a good end");
    let Err(error) = Scenario::run(&ca, HostProvider::default()).await else { panic!("the CA has stopped") };
    assert!(matches!(error, ScenarioError::Client { by: Alice, .. }), "{error}");
    let again = scenario.flip(&ca, Flip { step: 0, offset: 9, mask: None }).await;
    assert!(matches!(again, Err(ScenarioError::Client { by: Alice, .. })), "{again:?}");
    // The channel needs no CA.
    let step = number(&scenario, (Bob, Alice, Handshake2));
    let refusal = scenario.flip(&ca, Flip { step, offset: 99, mask: None }).await.expect("refused");
    assert_eq!(refusal.by, Alice);
}

#[tokio::test]
async fn an_attack_that_succeeds_is_an_error() {
    let (alice, bob) = (identity("alice"), identity("bob"));
    let error = attacks::changed_certificate(&alice, &bob, "rob").expect("refused");
    assert!(error.to_string().contains(CHANGED), "{error}");
    let unchanged = attacks::changed_certificate(&alice, &bob, "bob");
    assert!(matches!(unchanged, Err(ScenarioError::Accepted(_))), "{unchanged:?}");
    let error = attacks::stolen_certificate(&alice, &bob).await.expect("refused");
    assert!(error.to_string().contains("for another key"), "{error}");
}
