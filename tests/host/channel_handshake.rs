//! The handshake of a channel: accepted and refused peers, and the results on both sides.

use minipki_client::{ChannelOptions, ClientError, Identity, Role};
use minipki_core::cert::Error;
use minipki_core::crypto::KeyPair;
use minipki_core::crypto::rsa::KeySize;
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_core::session::{self, Initiator, LocalIdentity};
use minipki_core::time::Now;
use minipki_core::trust::{StatusPolicy, Validity, ValidityError};
use minipki_core::wire::Code;
use minipki_fixtures::rsa_keys::rng;
use minipki_net::{NetError, drive};
use minipki_tests::advice;
use minipki_tests::ca::id;
use minipki_tests::peers::{
    CA, MemoryChannel, OTHER_CA, certificate, channel, enter, expired, identity, identity_of, key_pair, now,
    short_deadlines, stream, trust, valid,
};

type Outcome = Result<MemoryChannel, ClientError>;

/// Runs a handshake between two identities and returns both results.
async fn meet(left: &Identity, right: &Identity, left_options: &ChannelOptions) -> (Outcome, Outcome) {
    let (near, far) = stream(64);
    let right_options = ChannelOptions::default();
    tokio::join!(
        enter(Role::Initiator, near, left, left_options),
        enter(Role::Responder, far, right, &right_options)
    )
}

fn refusal(outcome: Outcome) -> session::Error {
    let error = outcome.expect_err("must be refused");
    error.session_error().unwrap_or_else(|| panic!("no protocol error: {error}"))
}

/// Runs a handshake in which the initiator sends a certificate for `subject_key` and uses `key`. Returns the errors of
/// the initiator and of the responder.
async fn show(
    key: &KeyPair,
    ca: KeySize,
    subject_key: &KeyPair,
    validity: Validity,
) -> (session::Error, session::Error) {
    let (near, far) = stream(64);
    let (bob, options) = (identity("bob"), ChannelOptions::default());
    let shown = certificate(ca, "alice", subject_key.public(), validity);
    let trust = trust();
    let initiator = async {
        let local = LocalIdentity {
            key,
            credentials: &shown,
            anchor: &trust,
            now: Now::Exact(now()),
            status_policy: StatusPolicy::default(),
            peer: None,
        };
        let machine = Initiator::new(local, &mut rng(3));
        let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
        let mut link = Link::new(machine, &mut rx, &mut tx);
        let (mut reader, mut writer) = near;
        let done = drive(&mut link, &mut reader, &mut writer, None).await.expect("the responder is trusted");
        assert_eq!(done, Want::Finished);
        let (mut inbound, _outbound, ()) = link
            .split(|machine| machine.established().map(|open| (open.inbound, open.outbound, ())))
            .expect("the handshake is over for this side");
        match drive(&mut inbound, &mut reader, &mut writer, None).await {
            Err(NetError::Session(error)) => error,
            other => panic!("expected a refusal, got {other:?}"),
        }
    };
    let (refused, outcome) = tokio::join!(initiator, enter(Role::Responder, far, &bob, &options));
    (refused, refusal(outcome))
}

/// The error of a side whose certificate the other side has refused.
const REFUSED: session::Error = session::Error::Refused(Code::CertificateRefused);

#[tokio::test]
async fn both_sides_learn_the_name_and_key_of_the_other() {
    let (alice, bob) = channel().await;
    assert_eq!(alice.peer.subject_id().as_str(), "bob");
    assert_eq!(bob.peer.subject_id().as_str(), "alice");
    assert_eq!(bob.peer.key(), identity("alice").key().public());
    assert_eq!(alice.handshake_hash, bob.handshake_hash);
    let (other, _) = channel().await;
    assert_ne!(alice.handshake_hash, other.handshake_hash, "two channels differ");
}

#[tokio::test]
async fn only_the_named_peer_is_accepted() {
    let (alice, bob) = (identity("alice"), identity("bob"));
    let pinned = |name: &str| ChannelOptions { peer: Some(id(name)), ..ChannelOptions::default() };
    let (left, right) = meet(&alice, &bob, &pinned("bob")).await;
    assert!(left.is_ok() && right.is_ok());
    let (left, right) = meet(&alice, &bob, &pinned("carol")).await;
    assert_eq!(
        (refusal(left), refusal(right)),
        (session::Error::InvalidCertificate(Error::SubjectMismatch), REFUSED)
    );
}

#[tokio::test]
async fn a_responder_of_another_ca_is_refused_with_a_message() {
    let (alice, foreign) = (identity("alice"), identity_of(OTHER_CA, "bob", valid()));
    let (left, right) = meet(&alice, &foreign, &ChannelOptions::default()).await;
    assert_eq!(
        (refusal(left), refusal(right)),
        (session::Error::InvalidCertificate(Error::IssuerKeyMismatch), REFUSED)
    );
}

#[tokio::test]
async fn an_expired_responder_is_refused_with_a_message() {
    let (alice, old) = (identity("alice"), identity_of(CA, "bob", expired()));
    let (left, right) = meet(&alice, &old, &ChannelOptions::default()).await;
    let left = refusal(left);
    assert!(
        matches!(left, session::Error::InvalidCertificate(Error::Validity(ValidityError::Expired { .. }))),
        "{left}"
    );
    assert_eq!(refusal(right), REFUSED);
}

#[tokio::test]
async fn an_initiator_of_another_ca_is_refused_with_a_message() {
    let key = key_pair(1);
    let seen = show(&key, OTHER_CA, &key, valid()).await;
    assert_eq!(seen, (REFUSED, session::Error::InvalidCertificate(Error::IssuerKeyMismatch)));
}

#[tokio::test]
async fn an_expired_initiator_is_refused_with_a_message() {
    let key = key_pair(1);
    let (refused, error) = show(&key, CA, &key, expired()).await;
    assert!(
        matches!(error, session::Error::InvalidCertificate(Error::Validity(ValidityError::Expired { .. }))),
        "{error}"
    );
    assert_eq!(refused, REFUSED);
}

#[tokio::test]
async fn a_certificate_sent_with_another_key_is_refused_with_a_message() {
    let seen = show(&key_pair(1), CA, &key_pair(2), valid()).await;
    assert_eq!(seen, (REFUSED, session::Error::InvalidCertificate(Error::SubjectKeyMismatch)));
}

#[tokio::test]
async fn a_refusal_after_the_handshake_reaches_a_peer_that_has_sent_a_message() {
    // The initiator has sent its last message, so the channel is open on its side.
    let (near, far) = stream(1 << 16);
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let strict = ChannelOptions { peer: Some(id("carol")), ..ChannelOptions::default() };
    let bob = identity("bob");
    let talker = async {
        let mut channel = enter(Role::Initiator, near, &alice, &options).await.expect("bob is valid");
        channel.outbound.send(b"hello?").await.expect("the stream has room");
        channel.inbound.receive().await.map(|text| text.map(<[u8]>::to_vec)).expect_err("a refusal")
    };
    let (received, outcome) = tokio::join!(talker, enter(Role::Responder, far, &bob, &strict));
    assert_eq!(refusal(outcome), session::Error::InvalidCertificate(Error::SubjectMismatch));
    assert_eq!(received.session_error(), Some(REFUSED));
    assert!(advice(&received).contains("both sides have the same CA"), "{received}");
}

#[tokio::test]
async fn a_silent_peer_ends_the_handshake_at_the_deadline_in_both_roles() {
    let alice = identity("alice");
    let options = ChannelOptions { deadlines: short_deadlines(), ..ChannelOptions::default() };
    for role in [Role::Initiator, Role::Responder] {
        let (near, _far) = stream(4096);
        let error = enter(role, near, &alice, &options).await.expect_err("no answer");
        assert!(matches!(error, ClientError::Exchange { source: NetError::Deadline(_), .. }), "{error}");
    }
}

#[tokio::test]
async fn a_peer_that_leaves_is_reported_in_both_roles() {
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let (near, (reader, mut writer)) = stream(4096);
    let leave = async {
        tokio::io::AsyncWriteExt::shutdown(&mut writer).await.expect("a stream in memory");
    };
    let (outcome, ()) = tokio::join!(enter(Role::Responder, near, &alice, &options), leave);
    assert_eq!(refusal(outcome), session::Error::Truncated);
    drop(reader);
}
