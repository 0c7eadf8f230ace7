//! The CA's server: its limits, its stop, and failures of its signer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use minipki_ca::{Enrolment, Policy};
use minipki_core::link::{Direction, Observer};
use minipki_core::session::EnrolForm;
use minipki_core::wire::Code;
use minipki_server::{IssuerError, Limits, ServeError, Server, ServerOptions};
use minipki_tests::ca::TestAuthority;
use minipki_tests::server::{
    Gate, Outcome, PROVEN, Setup, TestServer, closed, enrol, now, pair, receive, refused, send, soon,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A time that is longer than every test. A test that waits for it fails.
const NEVER: Duration = Duration::from_secs(3600);

fn setup(limits: Limits) -> Setup {
    Setup { limits, ..Setup::default() }
}

#[tokio::test]
async fn one_connection_too_many_is_refused_as_busy_and_a_free_permit_is_used_again() {
    let limits =
        Limits { connections: 2, grace: NEVER, first_deadline: NEVER, deadline: NEVER, ..Limits::default() };
    let server = TestServer::start(setup(limits)).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    for _ in 0..3 {
        let mut third = server.connect().await;
        // A client that has sent a message also gets the refusal.
        third.write_all(b"\0\0\0\x02{}").await.expect("the server is connected");
        assert_eq!(refused(&mut third).await, Code::Busy);
        third.shutdown().await.expect("the server is connected");
        closed(&mut third).await;
    }
    server.enrol_on(&mut first, "alice", &pair(1), PROVEN).await.granted();
    server.enrol_on(&mut second, "bob", &pair(2), PROVEN).await.granted();

    // The server frees the permit when it closes the first connection.
    first.shutdown().await.expect("the server is connected");
    closed(&mut first).await;
    let outcome = loop {
        let mut stream = server.connect().await;
        match server.enrol_on(&mut stream, "carol", &pair(3), PROVEN).await {
            Outcome::Refused(Code::Busy, _) => {}
            other => break other,
        }
    };
    outcome.granted();
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert!(summary.turned_away >= 3, "{summary:?}");
    assert_eq!((summary.connections, summary.granted), (3, 3));
}

#[tokio::test]
async fn the_number_of_requests_on_a_connection_is_limited() {
    let server = TestServer::start(setup(Limits { requests: 3, ..Limits::default() })).await;
    let mut stream = server.connect().await;
    server.enrol_on(&mut stream, "alice", &pair(1), PROVEN).await.granted();
    send(&mut stream, b"{}").await;
    assert_eq!(refused(&mut stream).await, Code::BadRequest);
    server.enrol_on(&mut stream, "alice", &pair(1), PROVEN).await.granted();
    assert_eq!(server.enrol_on(&mut stream, "alice", &pair(1), PROVEN).await.refused(), Code::Busy);
    closed(&mut stream).await;

    let mut stream = server.connect().await;
    for _ in 0..4 {
        send(&mut stream, b"{}").await;
        assert_eq!(refused(&mut stream).await, Code::BadRequest);
    }
    closed(&mut stream).await;
}

#[tokio::test]
async fn too_many_malformed_messages_end_a_connection() {
    let server = TestServer::start(setup(Limits { malformed: 2, ..Limits::default() })).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        send(&mut stream, b"{}").await;
        assert_eq!(refused(&mut stream).await, Code::BadRequest);
    }
    closed(&mut stream).await;
}

#[tokio::test]
async fn the_lifetime_of_a_connection_is_limited() {
    let server = TestServer::start(setup(Limits { lifetime: Duration::ZERO, ..Limits::default() })).await;
    let mut stream = server.connect().await;
    assert_eq!(server.enrol_on(&mut stream, "alice", &pair(1), PROVEN).await.refused(), Code::Busy);
    closed(&mut stream).await;
}

#[tokio::test]
async fn the_idlest_connection_of_a_source_makes_room_and_is_refused_as_busy() {
    let limits = Limits {
        per_source: 2,
        grace: Duration::ZERO,
        first_deadline: NEVER,
        deadline: NEVER,
        ..Limits::default()
    };
    let server = TestServer::start(setup(limits)).await;
    let mut idle = server.connect().await;
    let mut active = server.connect().await;
    // After an exchange the second connection is the most recently active one.
    server.enrol_on(&mut active, "alice", &pair(1), PROVEN).await.granted();
    // Malformed messages do not count.
    send(&mut idle, b"{}").await;
    assert_eq!(refused(&mut idle).await, Code::BadRequest);
    let mut newcomer = server.connect().await;
    assert_eq!(refused(&mut idle).await, Code::Busy);
    idle.shutdown().await.expect("the server is connected");
    closed(&mut idle).await;
    server.enrol_on(&mut newcomer, "bob", &pair(2), PROVEN).await.granted();
    server.enrol_on(&mut active, "carol", &pair(3), PROVEN).await.granted();
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert_eq!((summary.displaced, summary.turned_away), (1, 0));
}

#[tokio::test]
async fn the_first_message_has_a_deadline_of_its_own() {
    let first_deadline = Duration::from_secs(1);
    let server =
        TestServer::start(setup(Limits { first_deadline, deadline: NEVER, ..Limits::default() })).await;
    let mut silent = server.connect().await;
    // After a valid message the first deadline no longer applies.
    let mut active = server.connect().await;
    server.enrol_on(&mut active, "alice", &pair(1), PROVEN).await.granted();
    closed(&mut silent).await;
    // Malformed messages do not extend the deadline.
    let mut useless = server.connect().await;
    send(&mut useless, b"{}").await;
    assert_eq!(refused(&mut useless).await, Code::BadRequest);
    closed(&mut useless).await;
    server.enrol_on(&mut active, "bob", &pair(2), PROVEN).await.granted();
}

#[tokio::test]
async fn waiting_requests_are_signed_together_and_one_too_many_is_busy() {
    let (gate, mut key) = Gate::new();
    let limits = Limits { waiting: 4, first_deadline: NEVER, deadline: NEVER, ..Limits::default() };
    let policy = Policy { enrolment: Enrolment::Open, ..Policy::default() };
    let server = TestServer::start(Setup { policy, limits, gate: Some(gate), tap: None }).await;
    let mut clients = JoinSet::new();
    let mut ask = |byte: u8| {
        let (address, anchor) = (server.address, server.anchor.clone());
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let subject = format!("subject-{byte}");
            // The classic form has one message, so all these requests go to the issuing thread at once.
            enrol(&mut stream, &anchor, &subject, &pair(byte), EnrolForm::Classic).await.expect("an answer")
        });
    };
    ask(0);
    assert_eq!(key.arrival().await, 1);
    // During the first signature there is room for four of these five.
    (1..=5).for_each(ask);
    let early = soon(clients.join_next()).await.expect("six clients").expect("no panic");
    assert_eq!(early.refused(), Code::Busy);
    key.open();
    assert_eq!(key.arrival().await, 4);
    key.open();
    while let Some(outcome) = soon(clients.join_next()).await {
        outcome.expect("no panic").granted();
    }
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 5);
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_refused_as_busy() {
    let (gate, mut key) = Gate::new();
    let limits = Limits { deadline: Duration::from_millis(200), ..Limits::default() };
    let server = TestServer::start(Setup { limits, gate: Some(gate), ..Setup::default() }).await;
    assert_eq!(server.enrol("alice", &pair(1), PROVEN).await.refused(), Code::Busy);
    assert_eq!(key.arrival().await, 1);
    key.open();
}

#[tokio::test]
async fn a_server_that_stops_finishes_running_requests() {
    let (gate, mut key) = Gate::new();
    let limits = Limits { first_deadline: NEVER, deadline: NEVER, drain: NEVER, ..Limits::default() };
    let server = TestServer::start(Setup { limits, gate: Some(gate), ..Setup::default() }).await;
    let (address, anchor) = (server.address, server.anchor.clone());

    let mut idle = server.connect().await;
    send(&mut idle, b"{}").await;
    assert_eq!(refused(&mut idle).await, Code::BadRequest);
    let (address_of_it, anchor_of_it) = (address, anchor.clone());
    let signing = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address_of_it).await.expect("a connection");
        enrol(&mut stream, &anchor_of_it, "alice", &pair(1), PROVEN).await.expect("an answer")
    });
    assert_eq!(key.arrival().await, 1);
    // A third client has sent half a message.
    let mut halfway = server.connect().await;
    halfway.write_all(b"\0\0\0\x02{").await.expect("the server is connected");
    // A later connection is answered, so the third one is accepted too.
    let mut later = server.connect().await;
    send(&mut later, b"{}").await;
    assert_eq!(refused(&mut later).await, Code::BadRequest);

    let run = server.stop();
    closed(&mut idle).await;
    closed(&mut later).await;
    assert!(TcpStream::connect(address).await.is_err(), "no new connections are accepted");
    halfway.write_all(b"}").await.expect("the server is connected");
    assert_eq!(refused(&mut halfway).await, Code::BadRequest);
    closed(&mut halfway).await;
    assert!(!run.is_finished(), "one client still waits for its certificate");
    key.open();
    soon(signing).await.expect("no panic").granted();
    let summary = soon(run).await.expect("no panic").expect("a good end");
    assert_eq!((summary.granted, summary.refused, summary.cut_off), (1, 3, 0));
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever() {
    // The issuing thread gets half of the drain, also for its last writes to a slow disk.
    let drain = Duration::from_secs(4);
    let limits = Limits { first_deadline: NEVER, deadline: NEVER, drain, ..Limits::default() };
    let server = TestServer::start(setup(limits)).await;
    let mut stalled = server.connect().await;
    stalled.write_all(&[0]).await.expect("the server is connected");
    // After the answer to the second connection, both are accepted.
    let mut other = server.connect().await;
    send(&mut other, b"{}").await;
    assert_eq!(refused(&mut other).await, Code::BadRequest);
    let summary = soon(server.stop()).await.expect("no panic").expect("a good end");
    assert_eq!(summary.cut_off, 1);
}

#[tokio::test]
async fn a_failing_signer_refuses_all_waiting_clients_and_stops_the_server() {
    for panics in [false, true] {
        let (gate, mut key) = Gate::new();
        let limits = Limits { first_deadline: NEVER, deadline: NEVER, ..Limits::default() };
        let server = TestServer::start(Setup { limits, gate: Some(gate), ..Setup::default() }).await;
        let (alice, bob) = (pair(1), pair(2));
        let outcomes =
            async { tokio::join!(server.enrol("alice", &alice, PROVEN), server.enrol("bob", &bob, PROVEN)) };
        let failure = async {
            key.arrival().await;
            if panics { key.panic() } else { key.fail() }
        };
        let ((first, second), ()) = tokio::join!(outcomes, failure);
        assert_eq!((first.refused(), second.refused()), (Code::Internal, Code::Internal));
        assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 0);
        let expected = if panics { IssuerError::Panicked } else { IssuerError::Failed };
        match server.ended().await {
            Err(ServeError::Issuer(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let server = TestServer::start(Setup::default()).await;
    let ca = TestAuthority::new(Policy::default());
    let options = ServerOptions { listen: server.address, ..ServerOptions::default() };
    let Err(error) = Server::bind(ca.authority, options).await else { panic!("two servers on one port") };
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}

/// An observer that collects the frames with their directions.
#[derive(Default)]
struct Notes(Mutex<Vec<(Direction, Vec<u8>)>>);

impl Observer for Notes {
    fn frame(&self, direction: Direction, body: &[u8]) {
        self.0.lock().expect("no panic").push((direction, body.to_vec()));
    }

    fn plaintext(&self, _: Direction, _: &[u8]) {
        panic!("enrolment has no plaintexts");
    }
}

#[tokio::test]
async fn a_tap_sees_every_frame_in_its_order() {
    let notes = Arc::new(Notes::default());
    let server = TestServer::start(Setup { tap: Some(notes.clone()), ..Setup::default() }).await;
    let stream = &mut server.connect().await;
    send(stream, b"{}").await;
    let refusal = receive(stream).await;
    let certificate = server.enrol_on(stream, "alice", &pair(1), PROVEN).await.granted();
    let notes = notes.0.lock().expect("no panic");
    let directions: Vec<_> = notes.iter().map(|(direction, _)| *direction).collect();
    let (to, from) = (Direction::Received, Direction::Sent);
    assert_eq!(directions, [to, from, to, from, to, from]);
    assert_eq!((&notes[0].1[..], &notes[1].1), (&b"{}"[..], &refusal));
    let grant = [b"{\"certificate\":", &certificate[..], b",\"ok\":true}"].concat();
    assert_eq!(notes[5].1, grant);
}
