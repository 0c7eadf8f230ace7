//! The CA's server with hostile, slow and broken clients.

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

/// Waits until the server ends the connection, in order or by a reset.
async fn cut_off(stream: &mut TcpStream) {
    while let Ok(1..) = soon(stream.read(&mut [0; 1024])).await {}
}

#[tokio::test]
async fn fifty_stalled_connections_delay_nobody() {
    let server = TestServer::start(limits(Duration::from_secs(600))).await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut stream = server.connect().await;
        stream.write_all(&[0]).await.expect("the server is connected");
        stalled.push(stream);
    }
    server.enrol("honest", &pair(1), PROVEN).await.granted();
    // All other connections are still open.
    for stream in &stalled {
        let read = stream.try_read(&mut [0; 1]).map_err(|e| e.kind());
        assert_eq!(read, Err(ErrorKind::WouldBlock));
    }
}

#[tokio::test]
async fn a_client_that_drips_bytes_is_cut_off_at_the_deadline() {
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
        panic!("the server read the whole message, in {:?}", began.elapsed());
    };
    let mut byte = [0; 1];
    tokio::select! {
        () = drip => {}
        ended = reader.read(&mut byte) => assert!(!matches!(ended, Ok(1..)), "the server sends nothing"),
    }
    server.enrol("honest", &pair(1), PROVEN).await.granted();
}

#[tokio::test]
async fn a_client_that_sends_no_proof_is_cut_off_at_the_deadline() {
    let server = TestServer::start(limits(Duration::from_millis(200))).await;
    let mut stream = server.connect().await;
    send(&mut stream, &request("slow", &pair(1))).await;
    receive(&mut stream).await;
    cut_off(&mut stream).await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off() {
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
    // The flood ends when the server cuts the connection.
    tokio::join!(soon(flood), honest);
}

#[tokio::test]
async fn a_bad_length_is_refused_before_the_body_and_ends_the_connection() {
    let server = TestServer::start(Setup::default()).await;
    for length in [0, 5121, u32::MAX] {
        let mut stream = server.connect().await;
        stream.write_all(&length.to_be_bytes()).await.expect("the server is connected");
        assert_eq!(refused(&mut stream).await, Code::BadFrame, "length {length}");
        closed(&mut stream).await;
    }
    // A client that sends the whole body before it reads also gets the refusal.
    let mut stream = server.connect().await;
    stream.write_all(&60_000_u32.to_be_bytes()).await.expect("the server is connected");
    soon(stream.readable()).await.expect("a refusal");
    for part in [b' '; 60_000].chunks(1000) {
        stream.write_all(part).await.expect("no reset during the body");
    }
    stream.shutdown().await.expect("the server is connected");
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

    // A recorded request and proof are sent again. The server sends another challenge.
    let recorded = recorded_exchange(&server).await;
    send(stream, &recorded.request).await;
    let challenge = receive(stream).await;
    assert_ne!(Challenge::decode(&challenge), Challenge::decode(&recorded.challenge));
    send(stream, &recorded.proof).await;
    assert_eq!(refused(stream).await, Code::ProofFailed);

    // A refused proof uses up its challenge.
    send(stream, &recorded.proof).await;
    assert_eq!(refused(stream).await, Code::BadRequest);

    // A second request discards the first challenge. A proof for the first request is refused.
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

/// Records the client's messages and the CA's challenge in an enrolment of alice.
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
    // Proofs with wrong tokens.
    for text in ["unknown", "old", "bobs"] {
        refusals.push(server.enrol("alice", &pair(1), with_token(text)).await);
    }
    // Proofs for another CA's key, without a token and with the right token.
    for form in [PROVEN, with_token("right")] {
        let mut stream = server.connect().await;
        let anchor = Anchor::from_fingerprint(Fingerprint([3; 32]));
        refusals.push(soon(enrol(&mut stream, &anchor, "alice", &pair(1), form)).await.expect("an answer"));
    }
    // Invented proofs. The second name is taken, and the refusal does not show that.
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

    // A request before the client closes its direction is answered.
    let mut stream = server.connect().await;
    send(&mut stream, b"{}").await;
    stream.shutdown().await.expect("the server is connected");
    assert_eq!(refused(&mut stream).await, Code::BadRequest);
    closed(&mut stream).await;

    // Half a message and half an exchange get no answer.
    let mut stream = server.connect().await;
    stream.write_all(b"\0\0\0\x10{").await.expect("the server is connected");
    stream.shutdown().await.expect("the server is connected");
    closed(&mut stream).await;
    let mut stream = server.connect().await;
    send(&mut stream, &request("half", &pair(1))).await;
    stream.shutdown().await.expect("the server is connected");
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
