//! Enrolment at honest and hostile CAs, and without a CA.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use getrandom::SysRng;
use minipki_client::{
    ClientError, EnrolOptions, Identity, IdentityError, IdentityFolder, PendingIdentity, enrol, proven,
};
use minipki_core::cert::{Anchor, Error, Id};
use minipki_core::crypto::{KeyPair, Portable, x25519};
use minipki_core::limits::{FRAME, FRAME_BODY};
use minipki_core::link::frame;
use minipki_core::link::{Link, Want};
use minipki_core::session::{self, CaServer, ClientRequest, EnrolForm};
use minipki_core::wire::{Code, Response, WireError};
use minipki_fixtures::certificates::anchor;
use minipki_net::{NetError, drive};
use minipki_provider::HostProvider;
use minipki_tests::advice;
use minipki_tests::ca::id;
use minipki_tests::peers::{
    CA, OTHER_CA, between, certificate, expired, key_pair, now, short_deadlines, trust, valid,
};
use minipki_tests::program::run;
use rand_core::UnwrapErr;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

/// A CA for one connection after the other. It answers each request with the certificate from `forge`, and checks no
/// renewal. It has never changed its key.
pub(crate) async fn fake_ca(
    forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + Send + 'static,
) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("the socket is bound");
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = socket.accept().await.expect("a client");
            let (mut reader, mut writer) = stream.split();
            let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
            let mut link = Link::new(CaServer::new(Portable::new()), &mut rx, &mut tx);
            while let Ok(Want::Deliver) = drive(&mut link, &mut reader, &mut writer, None).await {
                match link.event().expect("a request") {
                    ClientRequest::Challenge { .. } => {
                        link.send(|machine, out| machine.challenge(&mut UnwrapErr(SysRng), out))
                    }
                    ClientRequest::Proven { possession, .. }
                        if possession.proves(&[trust().fingerprint()], None) != Ok(true) =>
                    {
                        link.send(|machine, out| machine.refuse(Code::ProofFailed, out))
                    }
                    ClientRequest::Proven { subject_id, subject_key, .. }
                    | ClientRequest::Renew { subject_id, subject_key, .. }
                    | ClientRequest::Classic { subject_id, subject_key } => {
                        let text = forge(subject_id.as_id(), &subject_key);
                        link.send(|machine, out| machine.issue(&text, out))
                    }
                    ClientRequest::Anchors => {
                        link.send(|machine, out| machine.respond(Response::Anchors(b"[]"), out))
                    }
                    _ => link.send(|machine, out| machine.refuse(Code::UnknownType, out)),
                }
                .expect("room for an answer");
            }
        }
    });
    address
}

/// A server for one connection. It sends these bytes and waits until the client closes.
async fn raw_ca(bytes: &'static [u8], and_close: bool) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("the socket is bound");
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.expect("a client");
        stream.write_all(bytes).await.expect("the client reads");
        if and_close {
            stream.shutdown().await.expect("the client reads");
        }
        copy(&mut stream.take(1 << 16), &mut sink()).await.expect("the client closes");
    });
    address
}

fn good(subject: Id<'_>, key: &x25519::PublicKey) -> Vec<u8> {
    certificate(CA, subject.as_str(), key, valid())
}

fn options(ca: SocketAddr) -> EnrolOptions {
    EnrolOptions::new(ca.to_string(), id("alice"), trust())
}

/// Enrols into a folder as the command does, and expects an error. The key must remain for the next try.
async fn refused(options: EnrolOptions) -> ClientError {
    let around = tempfile::tempdir().expect("a folder");
    let folder = around.path().join("id");
    let error = into_folder(&folder, options.clone()).await.expect_err("must be refused");
    assert!(!folder.join("certificate.json").exists(), "a refused certificate is stored");
    assert!(pending(&folder, &options).resumed(), "the key is kept");
    error
}

fn pending(folder: &Path, options: &EnrolOptions) -> PendingIdentity {
    match IdentityFolder::begin(HostProvider::default(), folder, options.subject.as_id(), &options.anchor) {
        Ok(IdentityFolder::Pending(pending)) => pending,
        other => panic!("no pending enrolment: {other:?}"),
    }
}

async fn into_folder(folder: &Path, options: EnrolOptions) -> Result<Identity, ClientError> {
    let pending = pending(folder, &options);
    let identity = enrol(pending.key().clone(), options).await?;
    pending.keep(&identity).expect("room on the disk");
    Ok(identity)
}

fn key() -> KeyPair<HostProvider> {
    KeyPair::generate(HostProvider::default(), &mut UnwrapErr(SysRng))
}

async fn refusal(options: EnrolOptions) -> session::Error {
    let error = refused(options).await;
    error.session_error().unwrap_or_else(|| panic!("no protocol error: {error}"))
}

#[tokio::test]
async fn both_forms_are_granted_and_kept() {
    for form in [proven(None), EnrolForm::Classic] {
        let around = tempfile::tempdir().expect("a folder");
        let folder = around.path().join("id");
        let alice = into_folder(&folder, EnrolOptions { form, ..options(fake_ca(good).await) }).await;
        let alice = alice.expect("granted");
        assert_eq!(alice.subject_id().as_str(), "alice");
        assert_eq!(
            Identity::load(HostProvider::default(), &folder).expect("kept").key().public(),
            alice.key().public()
        );
    }
}

#[tokio::test]
async fn a_fingerprint_is_enough_and_the_key_is_learnt() {
    let anchor = Anchor::from_fingerprint(trust().fingerprint());
    let alice = enrol(key(), EnrolOptions { anchor, ..options(fake_ca(good).await) }).await.expect("granted");
    assert_eq!(*alice.anchor(), trust());
}

#[tokio::test]
async fn a_wrong_fingerprint_proves_nothing_to_the_ca() {
    let wrong = Anchor::from_fingerprint(anchor(OTHER_CA).fingerprint());
    let error = refused(EnrolOptions { anchor: wrong.clone(), ..options(fake_ca(good).await) }).await;
    assert!(matches!(&error, ClientError::Refused { code: Code::ProofFailed, .. }), "{error}");
    assert!(error.to_string().starts_with("the CA refused (proof_failed): "), "{error}");
    // The classic form has no proof, so the client finds the error.
    let form = EnrolForm::Classic;
    let error = refusal(EnrolOptions { anchor: wrong, form, ..options(fake_ca(good).await) }).await;
    assert_eq!(error, session::Error::InvalidCertificate(Error::IssuerKeyMismatch));
}

#[tokio::test]
async fn a_token_that_the_ca_does_not_know_is_refused() {
    let form = proven(Some("0123456789abcdef0123456789abcdef"));
    let error = refused(EnrolOptions { form, ..options(fake_ca(good).await) }).await;
    assert!(matches!(error, ClientError::Refused { code: Code::ProofFailed, .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_subject_is_refused() {
    let ca = fake_ca(|_, key| certificate(CA, "mallory", key, valid())).await;
    assert_eq!(refusal(options(ca)).await, session::Error::InvalidCertificate(Error::SubjectMismatch));
}

#[tokio::test]
async fn a_certificate_for_another_key_is_refused() {
    let ca = fake_ca(|subject, _| good(subject, key_pair(7).public())).await;
    assert_eq!(refusal(options(ca)).await, session::Error::InvalidCertificate(Error::SubjectKeyMismatch));
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_kept_and_good_once_the_clock_is_right() {
    let later = now().get() + 600;
    for validity in [expired(), between(later, later + 600)] {
        let ca = fake_ca(move |subject, key| certificate(CA, subject.as_str(), key, validity)).await;
        let around = tempfile::tempdir().expect("a folder");
        let enroll =
            ["enroll", "--ca", &ca.to_string(), "--subject", "alice", "--out", "alice"].map(str::to_owned);
        let fingerprint = ["--fingerprint".to_owned(), trust().fingerprint().to_string()];
        let command = [&enroll[..], &fingerprint].concat();
        let folder = around.path().join("alice");
        let mut key = Vec::new();
        // At the second try there is no CA.
        for words in ["the CA has issued the certificate", "clock"] {
            let (at, command) = (around.path().to_owned(), command.clone());
            let done = spawn_blocking(move || run(&at, &command)).await.expect("no panic").expect(4);
            let times = [validity.not_before().to_string(), validity.not_after().to_string()];
            for text in [words, "this machine's clock shows", &times[0], &times[1], "next: "] {
                assert!(done.stderr.contains(text), "{text}: {}", done.stderr);
            }
            let found = fs::read(folder.join("key.pem")).expect("the file is kept");
            assert!(key.is_empty() || key == found, "one key");
            key = found;
        }
        let error = Identity::load(HostProvider::default(), &folder).expect_err("the clock is wrong");
        assert!(matches!(error, IdentityError::OutOfTime(_)), "{error}");

        let anchor = Anchor::from_fingerprint(trust().fingerprint());
        match IdentityFolder::begin(HostProvider::default(), &folder, id("alice").as_id(), &anchor) {
            Ok(IdentityFolder::Enrolled(alice)) => {
                alice.check_time(validity.not_before()).expect("it is valid with the right clock");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused_with_advice() {
    let foreign =
        |subject: Id<'_>, key: &x25519::PublicKey| certificate(OTHER_CA, subject.as_str(), key, valid());
    let error = refused(options(fake_ca(foreign).await)).await;
    assert_eq!(error.session_error(), Some(session::Error::InvalidCertificate(Error::IssuerKeyMismatch)));
    assert!(advice(&error).contains("compare its fingerprint"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_was_changed_is_refused() {
    let ca = fake_ca(|subject, key| {
        let text = String::from_utf8(good(subject, key)).expect("text");
        text.replace("\"serial_number\":4242", "\"serial_number\":4243").into_bytes()
    });
    let error = refusal(options(ca.await)).await;
    assert!(matches!(error, session::Error::InvalidCertificate(Error::Signature(_))), "{error}");
}

#[tokio::test]
async fn garbage_is_refused() {
    let error_of = async |bytes| refusal(options(raw_ca(bytes, false).await)).await;
    let json = error_of(b"\0\0\0\x05hello").await;
    assert!(matches!(json, session::Error::InvalidMessage(WireError::Json(_))), "{json}");
    let too_long = frame::Error::TooLong { announced: u32::from_be_bytes(*b"HTTP"), limit: FRAME_BODY };
    assert_eq!(error_of(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, session::Error::InvalidFrame(too_long));
    assert_eq!(error_of(b"\0\0\0\0").await, session::Error::InvalidFrame(frame::Error::Empty));
}

#[tokio::test]
async fn a_refusal_is_shown_with_the_text_of_the_ca() {
    let bytes = b"\0\0\0\x3a{\"code\":\"subject_taken\",\"error\":\"name is used\",\"ok\":false}";
    let error = refused(options(raw_ca(bytes, false).await)).await;
    assert_eq!(error.to_string(), "the CA refused (subject_taken): name is used");
}

#[tokio::test]
async fn a_refusal_with_control_characters_is_not_shown() {
    let bytes = b"\0\0\0\x21{\"error\":\"\x1b[2Jcleared\",\"ok\":false}";
    let error = refusal(options(raw_ca(bytes, false).await)).await;
    assert!(matches!(error, session::Error::InvalidMessage(WireError::Json(_))), "{error}");
}

#[tokio::test]
async fn a_silent_ca_ends_the_enrolment_at_the_deadline() {
    let error =
        refused(EnrolOptions { deadlines: short_deadlines(), ..options(raw_ca(b"", false).await) }).await;
    assert!(matches!(error, ClientError::Exchange { source: NetError::Deadline(_), .. }), "{error}");
    // Single bytes do not extend the deadline.
    let error =
        refused(EnrolOptions { deadlines: short_deadlines(), ..options(raw_ca(b"\0\0\0", false).await) })
            .await;
    assert!(matches!(error, ClientError::Exchange { source: NetError::Deadline(_), .. }), "{error}");
}

#[tokio::test]
async fn a_ca_that_closes_the_connection_is_reported() {
    for bytes in [&b""[..], b"\0\0\0\x05hel"] {
        assert_eq!(refusal(options(raw_ca(bytes, true).await)).await, session::Error::Truncated);
    }
}

#[tokio::test]
async fn an_unreachable_ca_is_reported_with_its_address() {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("the socket is bound");
    drop(socket);
    let error = refused(options(address)).await;
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
