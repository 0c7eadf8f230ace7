//! A request that is sent again gets the same certificate again, and nothing is recorded: a lost answer costs nothing.

use std::time::Duration;

use minipki_ca::{Enrolment, Issued, Policy, Refused};
use minipki_core::session::EnrolForm;
use minipki_core::wire::Code;
use minipki_server::Limits;
use minipki_tests::ca::{Desk, at, classic, proven};
use minipki_tests::server::{Gate, PROVEN, Setup, TestServer, now, pair, soon, with_token};

const NOW: u64 = 1_800_000_000;
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

fn open() -> Policy {
    Policy { enrolment: Enrolment::Open, ..Policy::default() }
}

fn recorded(desk: &Desk) -> u64 {
    desk.reader().counts(at(NOW)).expect("counted").certificates
}

/// That `second` is `first`, byte for byte.
#[track_caller]
fn assert_repeats(first: &Issued, second: Result<Issued, Refused>) {
    assert_eq!(second, Ok(Issued { repeated: true, ..first.clone() }));
}

#[test]
fn the_same_request_gets_the_same_certificate_for_a_day() {
    for request in [proven("a", 1, None), classic("a", 1)] {
        let mut desk = Desk::new(open());
        let first = desk.issue(request.clone(), NOW).expect("issued");
        assert!(!first.repeated);
        assert_repeats(&first, desk.issue(request.clone(), NOW));
        assert_repeats(&first, desk.issue(request.clone(), NOW + DAY - 1));
        assert_eq!(recorded(&desk), 1);

        let second = desk.issue(request, NOW + DAY).expect("a new one");
        assert!(!second.repeated && second.serial != first.serial);
    }
}

#[test]
fn another_key_or_name_or_authorization_is_another_request() {
    let mut desk = Desk::new(open());
    let first = desk.issue(proven("a", 1, None), NOW).expect("issued");
    assert_eq!(desk.issue(proven("a", 2, None), NOW), Err(Refused::SubjectTaken));
    assert!(!desk.issue(proven("b", 1, None), NOW).expect("issued").repeated);
    let token = desk.add_token("t", "a", NOW);
    let with_token = desk.issue(proven("a", 1, Some(token)), NOW).expect("issued");
    assert!(!with_token.repeated);
    // Each authorization has its own answer.
    assert_repeats(&with_token, desk.issue(proven("a", 1, Some(token)), NOW));
    assert_repeats(&first, desk.issue(proven("a", 1, None), NOW));
    assert_eq!(recorded(&desk), 3);
}

#[test]
fn a_spent_token_repeats_its_certificate_to_its_key_until_it_expires() {
    let mut desk = Desk::new(Policy { enrolment: Enrolment::Token, ..Policy::default() });
    let end = NOW + 10 * DAY;
    let token = desk.add_token("t", "a", end);
    let first = desk.issue(proven("a", 1, Some(token)), NOW).expect("issued");
    // Also a clock that was set back changes nothing.
    for time in [NOW, NOW - HOUR, NOW + 2 * DAY, end] {
        assert_repeats(&first, desk.issue(proven("a", 1, Some(token)), time));
    }
    assert_eq!(desk.issue(proven("a", 2, Some(token)), NOW), Err(Refused::TokenInvalid));
    assert_eq!(desk.issue(proven("b", 1, Some(token)), NOW), Err(Refused::TokenInvalid));
    assert_eq!(desk.issue(proven("a", 1, Some(token)), end + 1), Err(Refused::TokenInvalid));
    assert_eq!(recorded(&desk), 1);
    let mut candidates = |byte, time| desk.tokens_tried("a", byte, time).expect("read");
    assert_eq!(candidates(1, end), [token]);
    assert_eq!((candidates(2, NOW), candidates(1, end + 1)), (vec![], vec![]));
}

#[test]
fn a_revoked_token_repeats_nothing() {
    let mut desk = Desk::on_disk(Policy::default());
    let token = desk.add_token("t", "a", NOW);
    let id_of_token = desk.reader().list_tokens(None, 1).expect("read")[0].id;
    let mut book = desk.storage.tokens().expect("the ledger is there");
    book.revoke(id_of_token, at(NOW)).expect("it was live");
    assert_eq!(desk.issue(proven("a", 1, Some(token)), NOW), Err(Refused::TokenInvalid));
    // One that was revoked after it had been spent, as an operator may do in the ledger itself.
    let spent = desk.add_token("spent", "a", NOW);
    desk.issue(proven("a", 1, Some(spent)), NOW).expect("issued");
    let ledger = rusqlite::Connection::open(desk.ledger_file()).expect("opened");
    ledger.execute("UPDATE tokens SET revoked = 1", []).expect("changed");
    assert_eq!(desk.issue(proven("a", 1, Some(spent)), NOW), Err(Refused::TokenInvalid));
}

#[test]
fn a_name_that_has_moved_to_another_key_is_not_repeated_to_the_old_one() {
    let mut desk = Desk::new(open());
    let (one, two) = (desk.add_token("one", "a", NOW), desk.add_token("two", "a", NOW));
    desk.issue(proven("a", 1, None), NOW).expect("issued");
    desk.issue(proven("a", 1, Some(one)), NOW).expect("issued");
    let moved = desk.issue(proven("a", 2, Some(two)), NOW).expect("moved");
    for request in [proven("a", 1, None), classic("a", 1)] {
        assert_eq!(desk.issue(request, NOW), Err(Refused::SubjectTaken));
    }
    assert_eq!(desk.issue(proven("a", 1, Some(one)), NOW), Err(Refused::TokenInvalid));
    assert_eq!(desk.tokens_tried("a", 1, NOW).expect("read"), []);
    assert_repeats(&moved, desk.issue(proven("a", 2, Some(two)), NOW));
}

#[test]
fn what_has_expired_or_not_begun_is_not_repeated() {
    let mut desk = Desk::new(Policy { validity: Duration::from_secs(HOUR), ..open() });
    let first = desk.issue(proven("a", 1, None), NOW).expect("issued");
    assert_repeats(&first, desk.issue(proven("a", 1, None), NOW + HOUR));
    assert!(!desk.issue(proven("a", 1, None), NOW + HOUR + 1).expect("a new one").repeated);
    let token = desk.add_token("t", "b", NOW + DAY);
    desk.issue(proven("b", 1, Some(token)), NOW).expect("issued");
    assert_eq!(desk.issue(proven("b", 1, Some(token)), NOW + HOUR + 1), Err(Refused::TokenInvalid));

    // Issued while the clock was years ahead: once it is right again, the answer is a certificate of today.
    let mut desk = Desk::new(open());
    desk.issue(proven("a", 1, None), NOW + 1000 * DAY).expect("issued");
    let today = desk.issue(proven("a", 1, None), NOW).expect("issued");
    assert!(!today.repeated);
    assert_repeats(&today, desk.issue(proven("a", 1, None), NOW - 60));
}

#[test]
fn equal_requests_in_one_batch_get_one_certificate() {
    let mut desk = Desk::new(open());
    let token = desk.add_token("t", "b", NOW);
    let requests = [
        proven("a", 1, None),
        classic("a", 1),
        proven("b", 1, Some(token)),
        proven("b", 1, Some(token)),
        proven("a", 1, None),
    ];
    let answers = desk.authority.issue_many(&requests, at(NOW));
    let issued: Vec<_> = answers.into_iter().map(|answer| answer.expect("issued")).collect();
    for (first, second) in [(0, 1), (2, 3), (0, 4)] {
        assert_repeats(&issued[first], Ok(issued[second].clone()));
    }
    assert!(!issued[0].repeated && !issued[2].repeated);
    assert_eq!(recorded(&desk), 2);
}

#[tokio::test]
async fn over_tcp_a_lost_answer_is_given_again_in_every_form() {
    let server = TestServer::start(Setup { policy: open(), ..Setup::default() }).await;
    server.add_token("t", "carol", 60);
    for (name, form) in [("alice", PROVEN), ("bob", EnrolForm::Classic), ("carol", with_token("t"))] {
        let first = server.enrol(name, &pair(1), form.clone()).await.granted();
        let second = server.enrol(name, &pair(1), form).await.granted();
        assert_eq!(first, second, "{name}");
    }
    // The token is still no secret that another key could use, or that a refusal would tell of.
    assert_eq!(server.enrol("carol", &pair(2), with_token("t")).await.refused(), Code::ProofFailed);
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 3);
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert_eq!((summary.granted, summary.repeated, summary.refused), (3, 3, 1));
}

#[tokio::test]
async fn a_request_that_was_given_up_while_it_was_signed_is_there_for_the_retry() {
    let (gate, mut key) = Gate::new();
    let limits = Limits { deadline: Duration::from_secs(1), ..Limits::default() };
    let policy = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    let server = TestServer::start(Setup { policy, limits, gate: Some(gate), ..Setup::default() }).await;
    server.add_token("t", "alice", 600);

    // The desk's deadline passes.
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
async fn a_request_that_was_given_up_before_it_was_signed_is_not_recorded() {
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
    // The desk comes to this only after it has come to bob's.
    server.enrol("alice", &alice, PROVEN).await.granted();
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 1);
}

#[tokio::test]
async fn a_client_that_leaves_while_its_certificate_is_signed_gets_it_when_it_returns() {
    let (gate, mut key) = Gate::new();
    let server = TestServer::start(Setup { gate: Some(gate), ..Setup::default() }).await;
    let alice = pair(1);
    tokio::select! {
        outcome = server.enrol("alice", &alice, PROVEN) => panic!("{outcome:?}"),
        waiting = key.arrival() => assert_eq!(waiting, 1),
    }
    // Its connection is closed here.
    key.open();
    let answer = server.enrol("alice", &alice, PROVEN).await.granted();
    let records = server.reader().find_by_key(alice.public().as_bytes()).expect("a ledger");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].certificate, answer);
}

#[test]
fn a_damaged_row_refuses_its_own_request_of_a_batch_only() {
    let mut desk = Desk::on_disk(Policy::default());
    let token = desk.add_token("t", "a", NOW + DAY);
    desk.issue(proven("a", 1, Some(token)), NOW).expect("issued");
    let kept = desk.issue(proven("b", 2, None), NOW).expect("issued");
    let ledger = rusqlite::Connection::open(desk.ledger_file()).expect("opened");
    // The CA alone writes its log back.
    ledger.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
    ledger.pragma_update(None, "ignore_check_constraints", true).expect("set");
    let damage = |sql: &str| ledger.execute_batch(sql).expect("done");
    damage("UPDATE certificates SET subject_key = x'00' WHERE subject_id = 'a'");
    let batch = [proven("a", 1, None), proven("b", 2, None), proven("c", 3, None)];
    let [damaged, repeated, new] = &desk.authority.issue_many(&batch, at(NOW))[..] else { panic!("three") };
    assert_eq!(*damaged, Err(Refused::Damaged));
    assert_repeats(&kept, repeated.clone());
    assert!(new.as_ref().is_ok_and(|issued| !issued.repeated));

    desk.add_token("u", "b", NOW + DAY);
    damage("UPDATE tokens SET hash = x'00' WHERE subject_id = 'b'");
    let tokens = desk.tokens_tried("b", 2, NOW);
    assert_eq!(tokens, Err(Refused::Damaged));
    assert!(desk.tokens_tried("c", 3, NOW).is_ok_and(|tokens| tokens.is_empty()));
}
