//! A repeated request gets the same certificate, and nothing is recorded. A lost answer does no harm.

use std::time::Duration;

use minipki_ca::{Enrolment, Issued, Policy, Refused};
use minipki_core::session::EnrolForm;
use minipki_core::wire::Code;
use minipki_server::Limits;
use minipki_tests::ca::{TestAuthority, at, classic, proven};
use minipki_tests::server::{Gate, PROVEN, Setup, TestServer, now, pair, soon, with_token};

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

fn open() -> Policy {
    Policy { enrolment: Enrolment::Open, ..Policy::default() }
}

fn recorded(ca: &TestAuthority) -> u64 {
    ca.reader().counts(at(NOW)).expect("counted").certificates
}

/// Checks that `second` is the same certificate as `first`.
#[track_caller]
fn assert_repeats(first: &Issued, second: Result<Issued, Refused>) {
    assert_eq!(second, Ok(Issued { repeated: true, ..first.clone() }));
}

#[test]
fn the_same_request_gets_the_same_certificate_for_a_day() {
    for request in [proven("a", 1, None), classic("a", 1)] {
        let mut ca = TestAuthority::new(open());
        let first = ca.issue(request.clone(), NOW).expect("issued");
        assert!(!first.repeated);
        assert_repeats(&first, ca.issue(request.clone(), NOW));
        assert_repeats(&first, ca.issue(request.clone(), NOW + DAY - 1));
        assert_eq!(recorded(&ca), 1);

        let second = ca.issue(request, NOW + DAY).expect("a new one");
        assert!(!second.repeated && second.serial != first.serial);
    }
}

#[test]
fn another_key_or_name_or_authorization_is_another_request() {
    let mut ca = TestAuthority::new(open());
    let first = ca.issue(proven("a", 1, None), NOW).expect("issued");
    assert_eq!(ca.issue(proven("a", 2, None), NOW), Err(Refused::SubjectTaken));
    assert!(!ca.issue(proven("b", 1, None), NOW).expect("issued").repeated);
    let token = ca.add_token("t", "a", NOW);
    let with_token = ca.issue(proven("a", 1, Some(token)), NOW).expect("issued");
    assert!(!with_token.repeated);
    // Each authorization has its own certificate.
    assert_repeats(&with_token, ca.issue(proven("a", 1, Some(token)), NOW));
    assert_repeats(&first, ca.issue(proven("a", 1, None), NOW));
    assert_eq!(recorded(&ca), 3);
}

#[test]
fn a_spent_token_repeats_its_certificate_to_its_key_until_it_expires() {
    let mut ca = TestAuthority::new(Policy { enrolment: Enrolment::Token, ..Policy::default() });
    let end = NOW + 10 * DAY;
    let token = ca.add_token("t", "a", end);
    let first = ca.issue(proven("a", 1, Some(token)), NOW).expect("issued");
    // A clock that is set back changes nothing.
    for time in [NOW, NOW - HOUR, NOW + 2 * DAY, end] {
        assert_repeats(&first, ca.issue(proven("a", 1, Some(token)), time));
    }
    assert_eq!(ca.issue(proven("a", 2, Some(token)), NOW), Err(Refused::TokenInvalid));
    assert_eq!(ca.issue(proven("b", 1, Some(token)), NOW), Err(Refused::TokenInvalid));
    assert_eq!(ca.issue(proven("a", 1, Some(token)), end + 1), Err(Refused::TokenInvalid));
    assert_eq!(recorded(&ca), 1);
    let mut candidates = |byte, time| ca.tokens_tried("a", byte, time).expect("read");
    assert_eq!(candidates(1, end), [token]);
    assert_eq!((candidates(2, NOW), candidates(1, end + 1)), (vec![], vec![]));
}

#[test]
fn a_revoked_token_repeats_nothing() {
    let mut ca = TestAuthority::on_disk(Policy::default());
    let token = ca.add_token("t", "a", NOW);
    let id_of_token = ca.reader().list_tokens(None, 1).expect("read")[0].id;
    let mut book = ca.storage.tokens().expect("the ledger opens");
    book.revoke(id_of_token, at(NOW)).expect("the token was unused");
    assert_eq!(ca.issue(proven("a", 1, Some(token)), NOW), Err(Refused::TokenInvalid));
    // A token that an operator has revoked in the ledger after its use.
    let spent = ca.add_token("spent", "a", NOW);
    ca.issue(proven("a", 1, Some(spent)), NOW).expect("issued");
    let ledger = rusqlite::Connection::open(ca.ledger_file()).expect("opened");
    ledger.execute("UPDATE tokens SET revoked = 1", []).expect("changed");
    assert_eq!(ca.issue(proven("a", 1, Some(spent)), NOW), Err(Refused::TokenInvalid));
}

#[test]
fn a_moved_name_is_not_repeated_to_its_old_key() {
    let mut ca = TestAuthority::new(open());
    let (one, two) = (ca.add_token("one", "a", NOW), ca.add_token("two", "a", NOW));
    ca.issue(proven("a", 1, None), NOW).expect("issued");
    ca.issue(proven("a", 1, Some(one)), NOW).expect("issued");
    let moved = ca.issue(proven("a", 2, Some(two)), NOW).expect("moved");
    for request in [proven("a", 1, None), classic("a", 1)] {
        assert_eq!(ca.issue(request, NOW), Err(Refused::SubjectTaken));
    }
    assert_eq!(ca.issue(proven("a", 1, Some(one)), NOW), Err(Refused::TokenInvalid));
    assert_eq!(ca.tokens_tried("a", 1, NOW).expect("read"), []);
    assert_repeats(&moved, ca.issue(proven("a", 2, Some(two)), NOW));
}

#[test]
fn an_expired_or_future_certificate_is_not_repeated() {
    let mut ca = TestAuthority::new(Policy { validity: Duration::from_secs(HOUR), ..open() });
    let first = ca.issue(proven("a", 1, None), NOW).expect("issued");
    assert_repeats(&first, ca.issue(proven("a", 1, None), NOW + HOUR));
    assert!(!ca.issue(proven("a", 1, None), NOW + HOUR + 1).expect("a new one").repeated);
    let token = ca.add_token("t", "b", NOW + DAY);
    ca.issue(proven("b", 1, Some(token)), NOW).expect("issued");
    assert_eq!(ca.issue(proven("b", 1, Some(token)), NOW + HOUR + 1), Err(Refused::TokenInvalid));

    // A certificate from a clock years ahead is not repeated after the clock is right again.
    let mut ca = TestAuthority::new(open());
    ca.issue(proven("a", 1, None), NOW + 1000 * DAY).expect("issued");
    let today = ca.issue(proven("a", 1, None), NOW).expect("issued");
    assert!(!today.repeated);
    assert_repeats(&today, ca.issue(proven("a", 1, None), NOW - 60));
}

#[test]
fn equal_requests_in_one_batch_get_one_certificate() {
    let mut ca = TestAuthority::new(open());
    let token = ca.add_token("t", "b", NOW);
    let requests = [
        proven("a", 1, None),
        classic("a", 1),
        proven("b", 1, Some(token)),
        proven("b", 1, Some(token)),
        proven("a", 1, None),
    ];
    let answers = ca.authority.issue_many(&requests, at(NOW));
    let issued: Vec<_> = answers.into_iter().map(|answer| answer.expect("issued")).collect();
    for (first, second) in [(0, 1), (2, 3), (0, 4)] {
        assert_repeats(&issued[first], Ok(issued[second].clone()));
    }
    assert!(!issued[0].repeated && !issued[2].repeated);
    assert_eq!(recorded(&ca), 2);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_over_tcp_in_every_form() {
    let server = TestServer::start(Setup { policy: open(), ..Setup::default() }).await;
    server.add_token("t", "carol", 60);
    for (name, form) in [("alice", PROVEN), ("bob", EnrolForm::Classic), ("carol", with_token("t"))] {
        let first = server.enrol(name, &pair(1), form.clone()).await.granted();
        let second = server.enrol(name, &pair(1), form).await.granted();
        assert_eq!(first, second, "{name}");
    }
    // Another key cannot use the spent token. The refusal does not show that the token was valid.
    assert_eq!(server.enrol("carol", &pair(2), with_token("t")).await.refused(), Code::ProofFailed);
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 3);
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert_eq!((summary.granted, summary.repeated, summary.refused), (3, 3, 1));
}

#[tokio::test]
async fn a_request_that_timed_out_during_its_signature_succeeds_at_the_retry() {
    let (gate, mut key) = Gate::new();
    let limits = Limits { deadline: Duration::from_secs(1), ..Limits::default() };
    let policy = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    let server = TestServer::start(Setup { policy, limits, gate: Some(gate), ..Setup::default() }).await;
    server.add_token("t", "alice", 600);

    // The deadline of the server passes.
    assert_eq!(server.enrol("alice", &pair(1), with_token("t")).await.refused(), Code::Busy);
    assert_eq!(key.arrival().await, 1);
    key.open();
    let answer = server.enrol("alice", &pair(1), with_token("t")).await.granted();
    let records = server.reader().find_by_key(pair(1).public().as_bytes()).expect("a ledger");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].certificate, answer);
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert_eq!((summary.granted, summary.repeated, summary.refused), (0, 1, 1));
}

#[tokio::test]
async fn a_request_that_timed_out_before_its_signature_is_not_recorded() {
    let (gate, mut key) = Gate::new();
    let limits = Limits { deadline: Duration::from_secs(1), ..Limits::default() };
    let server = TestServer::start(Setup { limits, gate: Some(gate), ..Setup::default() }).await;
    let (alice, bob) = (pair(1), pair(2));
    let after_alice = async {
        assert_eq!(key.arrival().await, 1);
        server.enrol("bob", &bob, PROVEN).await
    };
    let (first, second) = tokio::join!(server.enrol("alice", &alice, PROVEN), after_alice);
    assert_eq!((first.refused(), second.refused()), (Code::Busy, Code::Busy));
    key.open();
    // The issuing thread handles this request after bob's.
    server.enrol("alice", &alice, PROVEN).await.granted();
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 1);
}

#[tokio::test]
async fn a_client_that_disconnects_during_its_signature_gets_the_certificate_later() {
    let (gate, mut key) = Gate::new();
    let server = TestServer::start(Setup { gate: Some(gate), ..Setup::default() }).await;
    let alice = pair(1);
    tokio::select! {
        outcome = server.enrol("alice", &alice, PROVEN) => panic!("{outcome:?}"),
        waiting = key.arrival() => assert_eq!(waiting, 1),
    }
    // The client's connection is closed here.
    key.open();
    let answer = server.enrol("alice", &alice, PROVEN).await.granted();
    let records = server.reader().find_by_key(alice.public().as_bytes()).expect("a ledger");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].certificate, answer);
}

#[test]
fn a_damaged_row_refuses_only_its_own_request_in_a_batch() {
    let mut ca = TestAuthority::on_disk(Policy::default());
    let token = ca.add_token("t", "a", NOW + DAY);
    ca.issue(proven("a", 1, Some(token)), NOW).expect("issued");
    let kept = ca.issue(proven("b", 2, None), NOW).expect("issued");
    let ledger = rusqlite::Connection::open(ca.ledger_file()).expect("opened");
    // Only the CA may write its log back.
    ledger.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
    ledger.pragma_update(None, "ignore_check_constraints", true).expect("set");
    let damage = |sql: &str| ledger.execute_batch(sql).expect("done");
    damage("UPDATE certificates SET subject_key = x'00' WHERE subject_id = 'a'");
    let batch = [proven("a", 1, None), proven("b", 2, None), proven("c", 3, None)];
    let [damaged, repeated, new] = &ca.authority.issue_many(&batch, at(NOW))[..] else { panic!("three") };
    assert_eq!(*damaged, Err(Refused::Damaged));
    assert_repeats(&kept, repeated.clone());
    assert!(new.as_ref().is_ok_and(|issued| !issued.repeated));

    ca.add_token("u", "b", NOW + DAY);
    damage("UPDATE tokens SET hash = x'00' WHERE subject_id = 'b'");
    let tokens = ca.tokens_tried("b", 2, NOW);
    assert_eq!(tokens, Err(Refused::Damaged));
    assert!(ca.tokens_tried("c", 3, NOW).is_ok_and(|tokens| tokens.is_empty()));
}
