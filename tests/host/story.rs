//! The walk-through: what it tells, and that a byte changed anywhere in it is refused by somebody.

use std::collections::BTreeSet;
use std::num::NonZeroU8;

use minipki_ca::ports::Page;
use minipki_ca::{Enrolment, Policy, Token};
use minipki_core::cert::{Certificate, IdBuf};
use minipki_lab::{Flip, Play, Refusal, StoryError, Theatre, Who};
use minipki_net::trace::{places, reading};
use minipki_provider::HostProvider;
use minipki_tests::server::{Setup, TestServer};
use rand_core::UnwrapErr;

fn theatre(server: &TestServer) -> Theatre<'static> {
    let provider = HostProvider::default();
    Theatre { provider, ca: server.address.to_string(), anchor: server.anchor.clone(), tokens: None }
}

async fn played() -> (TestServer, Play) {
    let server = TestServer::start(Setup::default()).await;
    let play = Play::perform(&theatre(&server)).await.expect("a CA that grants");
    (server, play)
}

const MESSAGES: [&str; 15] = [
    "enroll_request",
    "enroll_challenge",
    "enroll_proof",
    "granted",
    "enroll_request",
    "enroll_challenge",
    "enroll_proof",
    "granted",
    "handshake_1",
    "handshake_2",
    "handshake_3",
    "encrypted message",
    "encrypted message",
    "encrypted message",
    "encrypted message",
];

#[tokio::test]
async fn the_story_is_told_whole_and_in_order() {
    let (server, play) = played().await;
    let names: Vec<_> = play
        .steps()
        .iter()
        .map(|step| match step.record {
            Some(number) => reading::record(step.body(), number).name,
            None => reading::message(step.body()).expect("a known message").name,
        })
        .collect();
    assert_eq!(names, MESSAGES);

    // What was under encryption is what the two ends saw: the certificates that the CA has recorded, and the words.
    let page = Page { subject: None, after: 0, limit: 100 };
    let recorded: Vec<_> =
        server.reader().list(page).expect("a ledger").into_iter().map(|r| r.certificate).collect();
    for (step, name) in [(9, play.names()[1]), (10, play.names()[0])] {
        let shown = play.steps()[step].plaintext.as_deref().expect("a certificate");
        let certificate = Certificate::parse(shown).expect("one that can be read");
        assert_eq!(certificate.subject_id(), name.as_id());
        assert!(recorded.iter().any(|text| text == shown), "the ledger has it");
    }
    let said =
        |step: usize| String::from_utf8_lossy(play.steps()[step].plaintext.as_deref().expect("a text"));
    assert!(said(11).contains("Hello bob"), "{}", said(11));
    assert_eq!(said(12), "");
    assert!(said(13).contains("Nobody, alice"), "{}", said(13));
    assert_eq!(said(14), "");

    // Each end's sealing key is the other's opening key, and the two directions have different ones.
    let keys = |who| {
        let note =
            play.steps()[10].after.iter().find(|note| note.who == who && note.text.contains("has the keys"));
        let text = &note.expect("the keys that came out").text;
        let after = |mark: &str| text.split(mark).nth(1).expect("a fingerprint")[..32].to_owned();
        (after("seals with: "), after("opens with: "), after("Handshake hash: "))
    };
    let ((a_seals, a_opens, a_hash), (b_seals, b_opens, b_hash)) = (keys(Who::Alice), keys(Who::Bob));
    assert_eq!((&a_seals, &a_opens, a_hash), (&b_opens, &b_seals, b_hash));
    assert_ne!(a_seals, a_opens);
}

#[tokio::test]
async fn every_field_has_its_place_in_the_bytes() {
    let (_server, play) = played().await;
    for step in play.steps() {
        let (lines, places) = match step.record {
            Some(number) => (reading::record(step.body(), number).lines, places::record(step.body())),
            None => (reading::message(step.body()).expect("known").lines, places::message(step.body())),
        };
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

async fn flipped(
    server: &TestServer,
    play: &Play,
    step: usize,
    offset: usize,
    mask: Option<NonZeroU8>,
) -> Refusal {
    let flip = Flip { step, offset, mask };
    let refusal = play.flip(&theatre(server), flip).await.unwrap_or_else(|error| panic!("{flip:?}: {error}"));
    assert!(!refusal.check.is_empty() && !refusal.field.is_empty(), "{flip:?}");
    assert_eq!(refusal.arrived, flip.apply(refusal.sent));
    assert_ne!(refusal.arrived, refusal.sent);
    refusal
}

/// The check that finds a changed byte of this field of this step, by whom, and the code that is sent.
const FOUND: [(usize, &str, Who, &str, Option<&str>); 15] = [
    (0, "subject_id", Who::Ca, "the proof does not fit", Some("proof_failed")),
    (0, "type", Who::Ca, "this type of message is not served", Some("unknown_type")),
    (1, "ca_share_b64", Who::Ca, "the proof does not fit", Some("proof_failed")),
    (1, "nonce_b64", Who::Ca, "the proof does not fit", Some("proof_failed")),
    (2, "proof_b64", Who::Ca, "the proof does not fit", Some("proof_failed")),
    (3, "ca_signature_b64", Who::Alice, "the certificate is not signed by the trusted key", None),
    (3, "issuer_id", Who::Alice, "the certificate is not signed by the trusted key", None),
    (3, "serial_number", Who::Alice, "the certificate is not signed by the trusted key", None),
    (7, "not_after", Who::Bob, "", None),
    (8, "e", Who::Alice, "the authentication tag does not fit", Some("handshake_failed")),
    (9, "payload", Who::Alice, "the authentication tag does not fit", Some("handshake_failed")),
    (10, "s", Who::Bob, "the authentication tag does not fit", Some("handshake_failed")),
    (11, "ciphertext", Who::Bob, "the authentication tag does not fit", None),
    (12, "tag", Who::Bob, "the authentication tag does not fit", None),
    (13, "tag", Who::Alice, "the authentication tag does not fit", None),
];

#[tokio::test]
async fn each_field_has_a_check_that_finds_it_changed() {
    let (server, play) = played().await;
    for (step, field, by, says, code) in FOUND {
        let there = &play.steps()[step];
        let places =
            if there.record.is_some() { places::record(there.body()) } else { places::message(there.body()) };
        let place = places.iter().find(|place| place.name == field).expect("the field is there");
        // A byte in the middle of the value, and the frame's header before it.
        let offset = 4 + (place.at.start + place.at.end) / 2;
        let refusal = flipped(&server, &play, step, offset, None).await;
        let Refusal { check, .. } = &refusal;
        assert!(refusal.field.split('.').any(|part| part == field), "{step} {field}: {}", refusal.field);
        assert_eq!((refusal.by, refusal.code.as_deref()), (by, code), "{step} {field}: {check}");
        assert!(check.contains(says), "{step} {field}: {check}");
    }
}

/// All bytes of the first message of each kind up to this many, and then every so many.
const DENSE: usize = 40;
const STRIDE: usize = 23;

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_changed_anywhere_is_refused_by_a_named_check() {
    let (server, play) = played().await;
    let mut checks = BTreeSet::new();
    for (step, there) in play.steps().iter().enumerate() {
        // bob's enrolment is alice's again.
        if (4..8).contains(&step) {
            continue;
        }
        for (offset, byte) in there.frame.iter().enumerate() {
            if offset >= DENSE && !(offset + step).is_multiple_of(STRIDE) && offset + 4 < there.frame.len() {
                continue;
            }
            // A longer length leaves both sides waiting, until a deadline says so: one of those is enough.
            let longer = offset < 4 && offset != 1;
            let mask = longer.then(|| NonZeroU8::new(*byte).unwrap_or(NonZeroU8::MAX));
            let refusal = flipped(&server, &play, step, offset, mask).await;
            // The same check at another byte is the same check.
            checks.insert(refusal.check.split(" (at byte").next().unwrap_or_default().to_owned());
        }
    }
    assert!(checks.len() >= 8, "{checks:#?}");
}

#[tokio::test]
async fn a_message_that_promises_more_than_comes_ends_by_a_deadline_or_as_cut_off() {
    let (server, play) = played().await;
    for step in [0, 8, 11] {
        // 512 bytes more, or 1024 where those are there already.
        let mask = if play.steps()[step].frame[2] & 2 == 0 { 2 } else { 4 };
        let refusal = flipped(&server, &play, step, 2, NonZeroU8::new(mask)).await;
        assert_eq!(refusal.field, "length prefix");
        let says = ["did not get on within", "ended where more was expected"];
        assert!(says.iter().any(|says| refusal.check.contains(says)), "{step}: {}", refusal.check);
    }
}

#[tokio::test]
async fn a_byte_that_is_not_there_cannot_be_changed() {
    let (server, play) = played().await;
    let end = play.steps()[2].frame.len();
    for (step, offset) in [(2, end), (15, 0), (usize::MAX, usize::MAX)] {
        let flip = Flip { step, offset, mask: None };
        let error = play.flip(&theatre(&server), flip).await.expect_err("no such byte");
        assert!(matches!(error, StoryError::NoSuchByte { .. }), "{error}");
    }
}

/// Of serial numbers one in ten has a digit less, which makes the message shorter than the one that was shown.
#[tokio::test]
async fn the_last_byte_is_changed_however_long_the_serial_number_is() {
    let (server, play) = played().await;
    let last = play.steps()[3].frame.len() - 1;
    for _ in 0..60 {
        flipped(&server, &play, 3, last, None).await;
    }
}

#[tokio::test]
async fn it_is_played_where_tokens_are_asked_for_too() {
    let policy = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    let server = TestServer::start(Setup { policy, ..Setup::default() }).await;
    let Err(error) = Play::perform(&theatre(&server)).await else { panic!("no token, no certificate") };
    assert!(error.to_string().contains("token"), "{error}");

    let make = |subject: &IdBuf| {
        let token = Token::generate(&mut UnwrapErr(getrandom::SysRng)).map_err(|error| error.to_string())?;
        server.add_token(token.text(), &subject.to_string(), 60);
        Ok(token)
    };
    let stage = Theatre { tokens: Some(&make), ..theatre(&server) };
    let play = Play::perform(&stage).await.expect("with tokens");
    let flip = Flip { step: 2, offset: 30, mask: None };
    let refusal = play.flip(&stage, flip).await.expect("refused");
    assert_eq!(refusal.code.as_deref(), Some("proof_failed"));
}

#[tokio::test]
async fn a_ca_that_is_gone_is_named() {
    let (server, play) = played().await;
    let stage = theatre(&server);
    server.stop().await.expect("no panic").expect("a good end");
    let Err(error) = Play::perform(&stage).await else { panic!("nobody is there") };
    assert!(matches!(error, StoryError::Client { who: Who::Alice, .. }), "{error}");
    let again = play.flip(&stage, Flip { step: 0, offset: 9, mask: None }).await;
    assert!(matches!(again, Err(StoryError::Client { who: Who::Alice, .. })), "{again:?}");
    // The channel needs no CA.
    flipped_without_ca(&play, &stage).await;
}

async fn flipped_without_ca(play: &Play, stage: &Theatre<'_>) {
    let refusal = play.flip(stage, Flip { step: 9, offset: 99, mask: None }).await.expect("refused");
    assert_eq!(refusal.by, Who::Alice);
}
