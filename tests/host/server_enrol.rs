//! The CA's server with honest clients.

use minipki_ca::{Enrolment, Policy};
use minipki_core::session::EnrolForm;
use minipki_core::wire::Code;
use minipki_tests::ca::id;
use minipki_tests::server::{Outcome, PROVEN, Setup, TestServer, now, pair, soon, with_token};

fn open() -> Setup {
    Setup { policy: Policy { enrolment: Enrolment::Open, ..Policy::default() }, ..Setup::default() }
}

fn tokens_only() -> Setup {
    Setup { policy: Policy { enrolment: Enrolment::Token, ..Policy::default() }, ..Setup::default() }
}

#[tokio::test]
async fn the_proven_form_ends_with_the_certificate_that_is_on_the_disk() {
    let server = TestServer::start(Setup::default()).await;
    let certificate = server.enrol("alice", &pair(1), PROVEN).await.granted();

    let records = server.reader().find_by_key(pair(1).public().as_bytes()).expect("a ledger");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].certificate, certificate);
    assert_eq!(records[0].subject_id, id("alice"));
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert_eq!((summary.connections, summary.granted, summary.refused), (1, 1, 0));
}

#[tokio::test]
async fn the_classic_form_is_served_only_where_the_policy_is_open() {
    let server = TestServer::start(Setup::default()).await;
    let outcome = server.enrol("alice", &pair(1), EnrolForm::Classic).await;
    assert_eq!(outcome.refused(), Code::NotAllowed);

    let server = TestServer::start(open()).await;
    server.enrol("alice", &pair(1), EnrolForm::Classic).await.granted();
    server.enrol("bob", &pair(2), PROVEN).await.granted();
}

#[tokio::test]
async fn a_connection_serves_one_enrolment_after_another() {
    let server = TestServer::start(open()).await;
    let stream = &mut server.connect().await;
    server.enrol_on(stream, "alice", &pair(1), PROVEN).await.granted();
    server.enrol_on(stream, "bob", &pair(2), EnrolForm::Classic).await.granted();
    assert_eq!(server.enrol_on(stream, "bob", &pair(3), PROVEN).await.refused(), Code::SubjectTaken);
    server.enrol_on(stream, "carol", &pair(3), PROVEN).await.granted();
}

#[tokio::test]
async fn of_two_keys_that_race_for_a_name_exactly_one_gets_it() {
    let server = TestServer::start(Setup::default()).await;
    let (one, two) = (pair(1), pair(2));
    let (first, second) =
        tokio::join!(server.enrol("name", &one, PROVEN), server.enrol("name", &two, PROVEN));
    let (winner, lost) = if matches!(first, Outcome::Granted(_)) { (&one, second) } else { (&two, first) };
    assert_eq!(lost.refused(), Code::SubjectTaken);
    assert_eq!(server.reader().find_by_key(winner.public().as_bytes()).expect("a ledger").len(), 1);
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 1);
}

#[tokio::test]
async fn a_token_works_once_for_its_subject_until_it_expires() {
    let server = TestServer::start(tokens_only()).await;
    server.add_token("good", "alice", 60);
    server.add_token("old", "alice", -60);
    server.add_token("bobs", "bob", 60);

    let alice = pair(1);
    assert_eq!(server.enrol("alice", &alice, PROVEN).await.refused(), Code::TokenInvalid);
    for text in ["wrong", "old", "bobs"] {
        let outcome = server.enrol("alice", &alice, with_token(text)).await;
        assert_eq!(outcome.refused(), Code::ProofFailed, "the token `{text}`");
    }
    server.enrol("alice", &alice, with_token("good")).await.granted();
    assert_eq!(server.enrol("alice", &pair(3), with_token("good")).await.refused(), Code::ProofFailed);
    assert_eq!(server.enrol("alice", &alice, PROVEN).await.refused(), Code::TokenInvalid);
    server.enrol("bob", &pair(2), with_token("bobs")).await.granted();
}

#[tokio::test]
async fn the_classic_form_cannot_bypass_a_required_token() {
    let policy = Policy { enrolment: Enrolment::Token, ..Policy::default() };
    let server = TestServer::start(Setup { policy, ..Setup::default() }).await;
    let outcome = server.enrol("alice", &pair(1), EnrolForm::Classic).await;
    assert_eq!(outcome.refused(), Code::NotAllowed);
}

#[tokio::test]
async fn a_token_moves_a_name_to_another_key_and_the_right_one_of_many_is_found() {
    let server = TestServer::start(Setup::default()).await;
    server.enrol("alice", &pair(1), PROVEN).await.granted();
    for text in ["one", "two", "three"] {
        server.add_token(text, "alice", 60);
    }
    assert_eq!(server.enrol("alice", &pair(2), PROVEN).await.refused(), Code::SubjectTaken);
    server.enrol("alice", &pair(2), with_token("two")).await.granted();
    assert_eq!(server.enrol("alice", &pair(3), with_token("two")).await.refused(), Code::ProofFailed);
    server.enrol("alice", &pair(3), with_token("three")).await.granted();
}

#[tokio::test]
async fn two_enrolments_with_one_token_at_once_get_one_certificate() {
    let server = TestServer::start(tokens_only()).await;
    server.add_token("once", "alice", 60);
    let (one, two) = (pair(1), pair(2));
    let token = with_token("once");
    let (first, second) =
        tokio::join!(server.enrol("alice", &one, token.clone()), server.enrol("alice", &two, token));
    let granted = [&first, &second].into_iter().filter(|o| matches!(o, Outcome::Granted(_))).count();
    assert_eq!(granted, 1, "{first:?} {second:?}");
}
