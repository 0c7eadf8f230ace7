//! The CA's server and clients that are not honest, not quick, or not well.

use std::io::ErrorKind;
use std::time::Duration;

use minipki_core::cert::Anchor;
use minipki_core::crypto::KeyPair;
use minipki_core::encoding::base64;
use minipki_core::keys::Fingerprint;
use minipki_core::wire::Code;
use minipki_core::wire::enrolment::{Challenge, Proof, Request};
use minipki_lab::{MessageKind, Participant};
use minipki_provider::HostProvider;
use minipki_server::Limits;
use minipki_tests::ca::id;
use minipki_tests::server::{
    Outcome, PROVEN, Setup, TestServer, closed, enrol, now, pair, receive, refused, send, soon, with_token,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval};

fn limits(deadline: Duration) -> Setup {
    Setup { limits: Limits { first_deadline: deadline, deadline, ..Limits::default() }, ..Setup::default() }
}

/// The first message of the proven form.
fn request(subject: &str, key: &KeyPair) -> Vec<u8> {
    let subject_id = id(subject);
    let request =
        Request { subject_id: subject_id.as_id(), subject_key: *key.public(), nonce: Some([7; 32]) };
    let mut out = [0; 512];
    let len = request.encode(&mut out).expect("room");
    out[..len].to_vec()
}

fn proof(proof: [u8; 32]) -> Vec<u8> {
    let mut out = [0; 128];
    let len = Proof { proof }.encode(&mut out).expect("room");
    out[..len].to_vec()
}

/// What ends a connection that the server has cut off: nothing more, or a reset.
async fn cut_off(stream: &mut TcpStream) {
    while let Ok(1..) = soon(stream.read(&mut [0; 1024])).await {}
}

#[tokio::test]
async fn fifty_stalled_connections_delay_nobody() {
    let server = TestServer::start(limits(Duration::from_secs(600))).await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut stream = server.connect().await;
        stream.write_all(&[0]).await.expect("the server is there");
        stalled.push(stream);
    }
    server.enrol("honest", &pair(1), PROVEN).await.granted();
    // Nobody had to be cut off for it: they all still wait for the rest of their message.
    for stream in &stalled {
        let read = stream.try_read(&mut [0; 1]).map_err(|e| e.kind());
        assert_eq!(read, Err(ErrorKind::WouldBlock));
    }
}

#[tokio::test]
async fn whoever_drips_bytes_is_cut_off_at_the_deadline() {
    let server = TestServer::start(limits(Duration::from_millis(300))).await;
    let mut stream = server.connect().await;
    let message = [&200_u32.to_be_bytes()[..], &[b' '; 200]].concat();
    let began = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        let mut pace = interval(Duration::from_millis(20));
        for byte in message.chunks(1) {
            pace.tick().await;
            if writer.write_all(byte).await.is_err() {
                return;
            }
        }
        panic!("the server took the whole message, in {:?}", began.elapsed());
    };
    let mut said = [0; 1];
    tokio::select! {
        () = drip => {}
        ended = reader.read(&mut said) => assert!(!matches!(ended, Ok(1..)), "nothing is said to it"),
    }
    server.enrol("honest", &pair(1), PROVEN).await.granted();
}

#[tokio::test]
async fn whoever_takes_his_time_over_the_proof_is_cut_off_too() {
    let server = TestServer::start(limits(Duration::from_millis(200))).await;
    let mut stream = server.connect().await;
    send(&mut stream, &request("slow", &pair(1))).await;
    receive(&mut stream).await;
    cut_off(&mut stream).await;
}

#[tokio::test]
async fn whoever_never_reads_is_cut_off_once_he_cannot_be_written_to() {
    let mut setup = limits(Duration::from_millis(300));
    setup.limits.requests = usize::MAX;
    let server = TestServer::start(setup).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(server.address).await.expect("a connection");
    let body = request("silent", &pair(2));
    let frames =
        [&u32::try_from(body.len()).expect("a short body").to_be_bytes(), &body[..]].concat().repeat(100);
    let flood = async { while stream.write_all(&frames).await.is_ok() {} };
    let honest = async { server.enrol("honest", &pair(1), PROVEN).await.granted() };
    // The flood ends when the server does what it should.
    tokio::join!(soon(flood), honest);
}

#[tokio::test]
async fn a_bad_length_is_refused_before_the_body_and_ends_the_connection() {
    let server = TestServer::start(Setup::default()).await;
    for length in [0, 4097, u32::MAX] {
        let mut stream = server.connect().await;
        stream.write_all(&length.to_be_bytes()).await.expect("the server is there");
        assert_eq!(refused(&mut stream).await, Code::BadFrame, "length {length}");
        closed(&mut stream).await;
    }
    // The refusal is also heard by one who sends the whole body before he listens.
    let mut stream = server.connect().await;
    stream.write_all(&60_000_u32.to_be_bytes()).await.expect("the server is there");
    soon(stream.readable()).await.expect("the refusal is there");
    for part in [b' '; 60_000].chunks(1000) {
        stream.write_all(part).await.expect("no reset while he speaks");
    }
    stream.shutdown().await.expect("the server is there");
    assert_eq!(refused(&mut stream).await, Code::BadFrame);
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_refused_message_leaves_the_connection_usable() {
    let server = TestServer::start(Setup::default()).await;
    let stream = &mut server.connect().await;
    let bad: [(&[u8], Code); 12] = [
        (b"garbage", Code::BadJson),
        (b"\xff\xfe", Code::BadJson),
        (b"{\"a\":1,\"a\":2}", Code::BadJson),
        (b"{\"a\":1.5}", Code::BadJson),
        (b"{}", Code::BadRequest),
        (b"[]", Code::BadJson),
        (b"{\"type\":\"renew\"}", Code::UnknownType),
        (b"{\"type\":7}", Code::UnknownType),
        (b"{\"proof_b64\":\"\",\"type\":\"enroll_proof\"}", Code::BadRequest),
        (
            b"{\"public_key_algo\":\"RSA\",\"public_key_value_b64\":\"AAAA\",\"subject_id\":\"a\"}",
            Code::BadRequest,
        ),
        (
            b"{\"public_key_algo\":\"X25519\",\"public_key_value_b64\":\"AAAA\",\"subject_id\":\"a\"}",
            Code::BadRequest,
        ),
        (
            b"{\"public_key_algo\":\"X25519\",\"public_key_value_b64\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"subject_id\":\"a b\"}",
            Code::BadRequest,
        ),
    ];
    for (body, code) in bad {
        send(stream, body).await;
        assert_eq!(refused(stream).await, code, "{}", String::from_utf8_lossy(body));
    }
    server.enrol_on(stream, "honest", &pair(1), PROVEN).await.granted();
}

#[tokio::test]
async fn a_proof_answers_one_challenge_only() {
    let server = TestServer::start(Setup::default()).await;
    let stream = &mut server.connect().await;
    send(stream, &proof([1; 32])).await;
    assert_eq!(refused(stream).await, Code::BadRequest, "no challenge was given");

    // The honest exchange, watched: the same request and proof again meet another challenge.
    let recorded = recorded_exchange(&server).await;
    send(stream, &recorded.request).await;
    let challenge = receive(stream).await;
    assert_ne!(Challenge::decode(&challenge), Challenge::decode(&recorded.challenge));
    send(stream, &recorded.proof).await;
    assert_eq!(refused(stream).await, Code::ProofFailed);

    // A refused proof has used its challenge up.
    send(stream, &recorded.proof).await;
    assert_eq!(refused(stream).await, Code::BadRequest);

    // A second request discards the first one's challenge; neither's proof fits the other.
    send(stream, &recorded.request).await;
    receive(stream).await;
    send(stream, &request("mallory", &pair(1))).await;
    receive(stream).await;
    send(stream, &recorded.proof).await;
    assert_eq!(refused(stream).await, Code::ProofFailed);
}

struct Recorded {
    request: Vec<u8>,
    challenge: Vec<u8>,
    proof: Vec<u8>,
}

/// The client's messages and the CA's challenge in an enrolment of `alice`.
async fn recorded_exchange(server: &TestServer) -> Recorded {
    let (ca, provider) = (server.endpoint(), HostProvider::default());
    let enrolled = minipki_lab::enrol(&ca, provider, Participant::Alice, id("alice"), None).await;
    let (_, steps) = enrolled.expect("issued");
    let [request, challenge, proof] =
        [MessageKind::EnrollRequest, MessageKind::EnrollChallenge, MessageKind::EnrollProof].map(|kind| {
            let step = steps.iter().find(|step| step.kind == kind);
            step.expect("a message of the enrolment").body().to_vec()
        });
    Recorded { request, challenge, proof }
}

#[tokio::test]
async fn every_failing_proof_looks_the_same() {
    let server = TestServer::start(Setup::default()).await;
    server.add_token("right", "alice", 60);
    server.add_token("old", "alice", -60);
    server.add_token("bobs", "bob", 60);
    server.enrol("carol", &pair(9), PROVEN).await.granted();

    let mut refusals = Vec::new();
    // The token is wrong in one way or another.
    for text in ["unknown", "old", "bobs"] {
        refusals.push(server.enrol("alice", &pair(1), with_token(text)).await);
    }
    // The proof is made for another CA's key, once with the right token.
    for form in [PROVEN, with_token("right")] {
        let mut stream = server.connect().await;
        let anchor = Anchor::from_fingerprint(Fingerprint([3; 32]));
        refusals.push(soon(enrol(&mut stream, &anchor, "alice", &pair(1), form)).await.expect("an answer"));
    }
    // The proof is made up: nobody holds that key. The second name is taken, which is not told either.
    for subject in ["alice", "carol"] {
        let stream = &mut server.connect().await;
        send(stream, &request(subject, &pair(2))).await;
        receive(stream).await;
        send(stream, &proof([0; 32])).await;
        refusals.push(Outcome::Refused(Code::ProofFailed, receive(stream).await));
    }
    assert_eq!(refusals[0].refused(), Code::ProofFailed);
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
}

#[tokio::test]
async fn a_key_of_small_order_proves_nothing() {
    let server = TestServer::start(Setup::default()).await;
    let mut key = [0; 44];
    let key = base64::encode(&[0; 32], &mut key).expect("room");
    let nonce = key;
    let body = format!(
        "{{\"nonce_b64\":\"{nonce}\",\"public_key_algo\":\"X25519\",\"public_key_value_b64\":\"{key}\",\
         \"subject_id\":\"zero\",\"type\":\"enroll_request\"}}"
    );
    let stream = &mut server.connect().await;
    send(stream, body.as_bytes()).await;
    receive(stream).await;
    send(stream, &proof([0; 32])).await;
    assert_eq!(refused(stream).await, Code::ProofFailed);
}

#[tokio::test]
async fn half_closed_and_reset_connections_do_no_harm() {
    let server = TestServer::start(Setup::default()).await;

    // What was asked before the client closed its half is answered still.
    let mut stream = server.connect().await;
    send(&mut stream, b"{}").await;
    stream.shutdown().await.expect("the server is there");
    assert_eq!(refused(&mut stream).await, Code::BadRequest);
    closed(&mut stream).await;

    // Half a message, half an exchange: nothing is said.
    let mut stream = server.connect().await;
    stream.write_all(b"\0\0\0\x10{").await.expect("the server is there");
    stream.shutdown().await.expect("the server is there");
    closed(&mut stream).await;
    let mut stream = server.connect().await;
    send(&mut stream, &request("half", &pair(1))).await;
    stream.shutdown().await.expect("the server is there");
    receive(&mut stream).await;
    closed(&mut stream).await;

    // A reset at each point of the exchange.
    let messages = [request("reset", &pair(1)), proof([0; 32])];
    for count in 0..=messages.len() {
        let mut stream = server.connect().await;
        for message in &messages[..count] {
            send(&mut stream, message).await;
        }
        stream.set_zero_linger().expect("a socket");
    }
    server.enrol("honest", &pair(1), PROVEN).await.granted();
    assert_eq!(server.reader().counts(now()).expect("a ledger").certificates, 1);
}
