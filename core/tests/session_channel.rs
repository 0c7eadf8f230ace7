//! The channel between peers: accepted and refused peers, and messages.

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{CryptoError, KeyPair, Portable};
use minipki_core::limits::{FRAME, FRAME_BODY};
use minipki_core::link::{Link, Misuse, Want};
use minipki_core::noise;
use minipki_core::session::{
    self, Established, Inbound, Initiator, LocalIdentity, Outbound, Received, Responder,
};
use minipki_core::time::Now;
use minipki_core::trust::{StatusPolicy, ValidityError};
use minipki_core::wire::Code;
use minipki_fixtures::certificates::{NOW, anchor, id, issue, sample, time};
use minipki_fixtures::pair::{Pause, Record};
use minipki_fixtures::rsa_keys::{public, rng};

const SIZE: KeySize = KeySize::Bits2048;

/// A peer, by default with a valid certificate.
struct Peer {
    key: KeyPair,
    certificate: Vec<u8>,
    anchor: Anchor,
    now: Now,
    expects: Option<&'static str>,
}

impl Peer {
    fn new(name: &'static str, secret: u8, size: KeySize) -> Self {
        let key = KeyPair::from_secret(Portable::new(), Secret::new([secret; 32]));
        let public = public(size);
        let unsigned = TbsCertificate { subject_id: id(name), subject_key: *key.public(), ..sample(&public) };
        let (certificate, anchor) = (issue(&unsigned, size), anchor(size));
        Self { key, certificate, anchor, now: Now::Exact(time(NOW)), expects: None }
    }

    fn local(&self) -> LocalIdentity<'_> {
        let (key, certificate, anchor) = (&self.key, &self.certificate[..], &self.anchor);
        LocalIdentity {
            key,
            credentials: certificate,
            anchor,
            now: self.now,
            status_policy: StatusPolicy::default(),
            peer: self.expects.map(id),
        }
    }
}

fn alice() -> Peer {
    Peer::new("alice", 1, SIZE)
}

fn bob() -> Peer {
    Peer::new("bob", 2, SIZE)
}

/// Runs a handshake to its end. Returns the result of each side, and whether it has a channel.
fn run_handshake(alice: &Peer, bob: &Peer) -> ((Pause, bool), (Pause, bool)) {
    let (mut a, mut b, mut c, mut d) = ([0; FRAME], [0; FRAME], [0; FRAME], [0; FRAME]);
    let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), &mut a, &mut b);
    let mut right = Link::new(Responder::new(bob.local(), &mut rng(2)), &mut c, &mut d);
    let mut record = Record::default();
    let (mut l, mut r) = record.run(&mut left, &mut right);
    // A side that has refused goes on to its end; the other then reads the refusal.
    for _ in 0..2 {
        let (l2, r2) = record.run(&mut left, &mut right);
        l = l.and(l2);
        r = r.and(r2);
    }
    let connected = |link: Option<()>| link.is_some();
    let l_connected = connected(left.split(halves_of_initiator).map(drop));
    let r_connected = connected(right.split(halves_of_responder).map(drop));
    ((l, l_connected), (r, r_connected))
}

type Halves = (Inbound<Portable>, Outbound<Portable>, String);

fn open(established: Established<Portable>) -> Halves {
    (established.inbound, established.outbound, established.peer.subject_id().to_string())
}

fn halves_of_initiator(machine: Initiator<'_, Portable>) -> Option<Halves> {
    machine.established().map(open)
}

fn halves_of_responder(machine: Responder<'_, Portable>) -> Option<Halves> {
    machine.established().map(open)
}

#[test]
fn peers_of_one_ca_connect_under_every_key_size() {
    for size in [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096] {
        let ends = run_handshake(&Peer::new("alice", 1, size), &Peer::new("bob", 2, size));
        assert_eq!(ends, ((Ok(Want::Finished), true), (Ok(Want::Finished), true)), "{size:?}");
    }
}

#[test]
fn the_initiator_refuses_a_responder_and_says_so() {
    let refused = Err(session::Error::Refused(Code::CertificateRefused));
    let strict = Peer { expects: Some("carol"), ..alice() };
    let other_ca = Peer::new("bob", 2, KeySize::Bits3072);
    let impostor = Peer { certificate: bob().certificate, ..Peer::new("mallory", 9, SIZE) };
    let late = Peer { now: Now::Exact(time("2026-07-01T00:00:01+00:00")), ..alice() };
    let early = Peer { now: Now::Exact(time("2026-05-31T23:59:59+00:00")), ..alice() };
    let (now, not_after) = (time("2026-07-01T00:00:01+00:00"), time("2026-07-01T00:00:00+00:00"));
    let (before, not_before) = (time("2026-05-31T23:59:59+00:00"), time("2026-06-01T00:00:00+00:00"));
    for (alice, bob, error) in [
        (&strict, &bob(), cert::Error::SubjectMismatch),
        (&alice(), &other_ca, cert::Error::IssuerKeyMismatch),
        (&alice(), &impostor, cert::Error::SubjectKeyMismatch),
        (&late, &bob(), cert::Error::Validity(ValidityError::Expired { now, not_after })),
        (&early, &bob(), cert::Error::Validity(ValidityError::NotYetValid { now: before, not_before })),
    ] {
        let ends = run_handshake(alice, bob);
        assert_eq!(
            ends,
            ((Err(session::Error::InvalidCertificate(error)), false), (refused, false)),
            "{error:?}"
        );
    }
}

#[test]
fn the_responder_refuses_an_initiator_and_says_so() {
    // By then the initiator has sent its last message. It gets the refusal on the open channel.
    let strict = Peer { expects: Some("carol"), ..bob() };
    let impostor = Peer { certificate: alice().certificate, ..Peer::new("mallory", 9, SIZE) };
    for (alice, bob, error) in [
        (&alice(), &strict, cert::Error::SubjectMismatch),
        (&impostor, &bob(), cert::Error::SubjectKeyMismatch),
    ] {
        let ((_, connected), responder) = run_handshake(alice, bob);
        assert!(connected);
        assert_eq!(responder, (Err(session::Error::InvalidCertificate(error)), false));
    }
    let (alice, mut buffers) = (alice(), [[0; FRAME]; 4]);
    let [a, b, c, d] = &mut buffers;
    let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), a, b);
    let mut right = Link::new(Responder::new(strict.local(), &mut rng(2)), c, d);
    let _ = Record::default().run(&mut left, &mut right);
    let (mut inbound, _, _) = left.split(halves_of_initiator).expect("connected");
    let (received, _) = Record::default().run(&mut inbound, &mut right);
    assert_eq!(received, Err(session::Error::Refused(Code::CertificateRefused)));
}

#[test]
fn a_lower_bound_of_the_time_refuses_only_expired_certificates() {
    let at_least = |text| Now::AtLeast(time(text));
    for (now, connected) in [("2026-05-01T00:00:00+00:00", true), ("2026-07-01T00:00:01+00:00", false)] {
        let alice = Peer { now: at_least(now), ..alice() };
        let ((_, l), _) = run_handshake(&alice, &bob());
        assert_eq!(l, connected, "{now}");
    }
}

/// Runs `test` with both ends of a channel.
fn with_channel(test: impl FnOnce(&mut End<'_, '_>, &mut End<'_, '_>)) {
    let (alice, bob, mut buffers) = (alice(), bob(), [[0; FRAME]; 4]);
    let [a, b, c, d] = &mut buffers;
    let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), a, b);
    let mut right = Link::new(Responder::new(bob.local(), &mut rng(2)), c, d);
    let ends = Record::default().run(&mut left, &mut right);
    assert_eq!(ends, (Ok(Want::Finished), Ok(Want::Finished)));
    let (mut li, mut lo, bob) = left.split(halves_of_initiator).expect("connected");
    let (mut ri, mut ro, alice) = right.split(halves_of_responder).expect("connected");
    assert_eq!((&*alice, &*bob), ("alice", "bob"));
    test(&mut End { inbound: &mut li, outbound: &mut lo }, &mut End { inbound: &mut ri, outbound: &mut ro });
}

struct End<'e, 'b> {
    inbound: &'e mut Link<'b, Inbound<Portable>>,
    outbound: &'e mut Link<'b, Outbound<Portable>>,
}

impl End<'_, '_> {
    /// Sends `text` to `other` and returns the message that arrives.
    fn message(&mut self, text: &[u8], other: &mut End<'_, '_>) -> Result<Vec<u8>, session::Error> {
        self.outbound.send(|channel, out| channel.seal(text, out))?;
        self.carry(other)
    }

    fn carry(&mut self, other: &mut End<'_, '_>) -> Result<Vec<u8>, session::Error> {
        let (sent, received) = Record::default().run(self.outbound, other.inbound);
        sent?;
        assert_eq!(received?, Want::Deliver);
        match other.inbound.event().expect("an event") {
            Received::Message(range) => Ok(other.inbound.body()[range].to_vec()),
            Received::Closed => Ok(Vec::new()),
        }
    }
}

#[test]
fn messages_of_any_length_pass_both_ways() {
    with_channel(|alice, bob| {
        for len in [1, 2, 64, 1000, FRAME_BODY - 16] {
            let text: Vec<u8> = (0..len).map(|i| i as u8).collect();
            assert_eq!(alice.message(&text, bob), Ok(text.clone()));
            assert_eq!(bob.message(&text, alice), Ok(text));
        }
    });
}

#[test]
fn a_message_too_long_or_empty_changes_nothing() {
    with_channel(|alice, bob| {
        let empty = alice.outbound.send(|channel, out| channel.seal(b"", out));
        assert_eq!(empty, Err(session::Error::Misuse(Misuse::OutOfTurn)), "it would close");
        let long = [0; FRAME_BODY - 15];
        let full = Err(session::Error::Misuse(Misuse::BufferTooSmall));
        assert_eq!(alice.outbound.send(|channel, out| channel.seal(&long, out)), full);
        assert_eq!(alice.message(b"still in step", bob), Ok(b"still in step".to_vec()));
    });
}

#[test]
fn each_direction_closes_by_itself() {
    with_channel(|alice, bob| {
        alice.outbound.send(|channel, out| channel.close(out)).expect("room");
        assert_eq!(alice.carry(bob), Ok(Vec::new()));
        assert_eq!(bob.inbound.want(), Ok(Want::Finished));
        assert_eq!(alice.outbound.want(), Ok(Want::Finished));
        let late = alice.outbound.send(|channel, out| channel.seal(b"late", out));
        assert_eq!(late, Err(session::Error::Misuse(Misuse::OutOfTurn)));
        assert_eq!(bob.message(b"go on", alice), Ok(b"go on".to_vec()));
    });
}

#[test]
fn a_stream_that_ends_unclosed_was_cut() {
    with_channel(|alice, bob| {
        assert_eq!(alice.message(b"one", bob), Ok(b"one".to_vec()));
        assert_eq!(bob.inbound.want(), Ok(Want::Receive));
        bob.inbound.received(0);
        assert_eq!(bob.inbound.want(), Err(session::Error::Truncated));
        assert_eq!(bob.inbound.want(), Ok(Want::Finished));
    });
}

#[test]
fn a_changed_record_ends_its_direction() {
    with_channel(|alice, bob| {
        alice.outbound.send(|channel, out| channel.seal(b"one", out)).expect("room");
        let mut record = alice.outbound.to_send().to_vec();
        *record.last_mut().expect("a tag") ^= 1;
        bob.inbound.space()[..record.len()].copy_from_slice(&record);
        bob.inbound.received(record.len());
        let tag = noise::Error::Crypto(CryptoError::Tag);
        assert_eq!(bob.inbound.want(), Err(session::Error::Noise(tag)));
        assert_eq!(bob.inbound.want(), Ok(Want::Finished));
    });
}

#[test]
fn a_changed_byte_of_a_handshake_message_is_refused() {
    let (alice, bob) = (alice(), bob());
    // Messages 2 and 3 are authenticated. Message 2 authenticates the key of message 1.
    for (step, to) in [(1, "responder"), (2, "initiator"), (3, "responder")] {
        let (mut buffers, mut sent) = ([[0; FRAME]; 4], 0);
        let [a, b, c, d] = &mut buffers;
        let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), a, b);
        let mut right = Link::new(Responder::new(bob.local(), &mut rng(2)), c, d);
        let (mut l, mut r) = (left.want(), right.want());
        while l.is_ok() && r.is_ok() && (l, r) != (Ok(Want::Finished), Ok(Want::Finished)) {
            let message = if l == Ok(Want::Send) { left.to_send() } else { right.to_send() };
            let mut message = message.to_vec();
            sent += 1;
            if sent == step {
                // Within the base64, past `{"noise_b64":"` and the frame's length.
                let byte = &mut message[4 + 14 + 20];
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            if l == Ok(Want::Send) {
                left.sent(message.len());
                right.space()[..message.len()].copy_from_slice(&message);
                right.received(message.len());
            } else {
                right.sent(message.len());
                left.space()[..message.len()].copy_from_slice(&message);
                left.received(message.len());
            }
            (l, r) = (left.want(), right.want());
        }
        let connected =
            left.split(halves_of_initiator).is_some() && right.split(halves_of_responder).is_some();
        assert!(!connected, "a change on the way to the {to} in message {step} went unnoticed");
    }
}
