//! Certificates with their status in the handshake: policies of both sides, and refused peers.

use minipki_core::bytes::Secret;
use minipki_core::cert::{self, Anchor, TbsCertificate, TbsStatus};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::encoding::json::MAX_INTEGER;
use minipki_core::limits::{FRAME, FRAME_HEADER, STAPLED};
use minipki_core::link::{Link, Want};
use minipki_core::session::{self, Established, Initiator, LocalIdentity, Responder};
use minipki_core::time::Now;
use minipki_core::trust::{
    CertStatus, RevocationReason, RevocationStatus, Serial, StatusError, StatusPolicy, StatusRule,
};
use minipki_core::wire::Code;
use minipki_fixtures::certificates::{NOW, anchor, id, issue, sample, time};
use minipki_fixtures::pair::{Pause, Record};
use minipki_fixtures::rsa_keys::{public, rng};
use minipki_fixtures::statuses::{NUMBER, good, revocation, staple, state};

const SIZE: KeySize = KeySize::Bits2048;
const DONE: Pause = Ok(Want::Finished);

/// A side of the handshake.
struct Side {
    key: KeyPair,
    certificate: Vec<u8>,
    credentials: Vec<u8>,
    anchor: Anchor,
    policy: StatusPolicy,
}

impl Side {
    /// A side that shows its certificate alone, and accepts a peer without a status.
    fn new(name: &str, secret: u8) -> Self {
        let key = KeyPair::from_secret(Portable::new(), Secret::new([secret; 32]));
        let public = public(SIZE);
        let fields = TbsCertificate { subject_id: id(name), subject_key: *key.public(), ..sample(&public) };
        let certificate = issue(&fields, SIZE);
        let credentials = certificate.clone();
        Self { key, certificate, credentials, anchor: anchor(SIZE), policy: StatusPolicy::default() }
    }

    /// The same side, which shows this status too.
    fn shows(self, fields: &TbsStatus<'_>) -> Self {
        Self { credentials: staple(&self.certificate, &state(fields, SIZE)), ..self }
    }

    /// The same side with this rule.
    fn demands(self, rule: StatusRule) -> Self {
        Self { policy: StatusPolicy { rule, lowest_number: 0 }, ..self }
    }

    fn local(&self) -> LocalIdentity<'_> {
        LocalIdentity {
            key: &self.key,
            credentials: &self.credentials,
            anchor: &self.anchor,
            now: Now::Exact(time(NOW)),
            status_policy: self.policy,
            peer: None,
        }
    }
}

fn alice() -> Side {
    Side::new("alice", 1)
}

fn bob() -> Side {
    Side::new("bob", 2)
}

fn known() -> RevocationStatus {
    let TbsStatus { this_update, next_update, number, .. } = good(SIZE);
    RevocationStatus::Good { this_update, next_update, number }
}

/// The end of a side: its pause, and its knowledge about the peer's revocation if it has a channel.
type End = (Pause, Option<RevocationStatus>);

/// Runs a handshake to its end, also past a refusal. A side with a channel reads what comes after it.
fn handshake(alice: &Side, bob: &Side) -> (End, End) {
    let mut buffers = [[0; FRAME]; 4];
    let [a, b, c, d] = &mut buffers;
    let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), a, b);
    let mut right = Link::new(Responder::new(bob.local(), &mut rng(2)), c, d);
    let mut record = Record::default();
    let (mut l, mut r) = record.run(&mut left, &mut right);
    for _ in 0..2 {
        let (l2, r2) = record.run(&mut left, &mut right);
        (l, r) = (l.and(l2), r.and(r2));
    }
    let revocation = |open: Established<Portable>| (open.inbound, open.outbound, open.peer.revocation());
    let left = left.split(|machine| machine.established().map(revocation)).map(|(_, _, known)| known);
    let right = right.split(|machine| machine.established().map(revocation)).map(|(_, _, known)| known);
    ((l, left), (r, right))
}

/// Every way to staple: nobody, one side, both.
fn all_ways() -> impl Iterator<Item = (bool, bool)> {
    [false, true].into_iter().flat_map(|left| [false, true].map(|right| (left, right)))
}

#[test]
fn each_side_learns_the_status_that_the_other_shows() {
    for (left, right) in all_ways() {
        let (mut alice, mut bob) = (alice(), bob());
        let fields = good(SIZE);
        if left {
            alice = alice.shows(&fields);
        }
        if right {
            bob = bob.shows(&fields);
        }
        let reported = |shown| if shown { known() } else { RevocationStatus::NoStatus(StatusError::Missing) };
        let ends = handshake(&alice, &bob);
        assert_eq!(ends, ((DONE, Some(reported(right))), (DONE, Some(reported(left)))));

        // A side that requires a status refuses a peer that shows none.
        for rule in [StatusRule::Required, StatusRule::MaxAge(24 * 60 * 60)] {
            let missing = session::Error::InvalidCertificate(cert::Error::Status(StatusError::Missing));
            let strict = Side { policy: StatusPolicy { rule, lowest_number: 0 }, ..copy(&alice) };
            let ((l, connected), (r, _)) = handshake(&strict, &bob);
            assert_eq!(connected, right.then(known));
            if !right {
                let refused = session::Error::Refused(Code::CertificateRefused);
                assert_eq!((l, r), (Err(missing), Err(refused)));
            }
            let strict = Side { policy: StatusPolicy { rule, lowest_number: 0 }, ..copy(&bob) };
            let (_, (r, connected)) = handshake(&alice, &strict);
            assert_eq!(connected, left.then(known));
            assert_eq!(r, if left { DONE } else { Err(missing) });
        }
    }
}

fn copy(side: &Side) -> Side {
    let Side { key, certificate, credentials, anchor, policy } = side;
    let (certificate, credentials) = (certificate.clone(), credentials.clone());
    Side { key: key.clone(), certificate, credentials, anchor: anchor.clone(), policy: *policy }
}

#[test]
fn a_revoked_held_or_unknown_peer_is_refused_under_every_rule_and_told_so() {
    let refused = Err(session::Error::Refused(Code::CertificateRefused));
    let revoked = |reason| CertStatus::Revoked(revocation(reason));
    for status in [
        revoked(RevocationReason::KeyCompromise),
        revoked(RevocationReason::CertificateHold),
        CertStatus::Unknown,
    ] {
        let error = match status {
            CertStatus::Revoked(revocation) => StatusError::Revoked(revocation),
            _ => StatusError::Unknown,
        };
        let seen = Err(session::Error::InvalidCertificate(cert::Error::Status(error)));
        let fields = TbsStatus { status, ..good(SIZE) };
        for rule in [StatusRule::Optional, StatusRule::Required] {
            let ends = handshake(&alice().demands(rule), &bob().shows(&fields));
            assert_eq!(ends, ((seen, None), (refused, None)));
            // The initiator has a channel by then, and reads the refusal there.
            let (alice, bob) = (alice().shows(&fields), bob().demands(rule));
            assert_eq!(handshake(&alice, &bob).1, (seen, None));
            assert_eq!(read_after(&alice, &bob), refused);
        }
    }
}

/// The first thing that the initiator reads on its channel.
fn read_after(alice: &Side, bob: &Side) -> Pause {
    let mut buffers = [[0; FRAME]; 4];
    let [a, b, c, d] = &mut buffers;
    let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), a, b);
    let mut right = Link::new(Responder::new(bob.local(), &mut rng(2)), c, d);
    let _ = Record::default().run(&mut left, &mut right);
    let halves = |open: Established<Portable>| (open.inbound, open.outbound, ());
    let (mut inbound, _, ()) = left.split(|machine| machine.established().map(halves)).expect("a channel");
    Record::default().run(&mut inbound, &mut right).0
}

#[test]
fn a_status_of_another_certificate_or_an_earlier_one_does_not_pass() {
    let other = TbsStatus { serial_number: Serial::new(1).expect("in range"), ..good(SIZE) };
    for rule in [StatusRule::Optional, StatusRule::Required] {
        let ((seen, _), _) = handshake(&alice().demands(rule), &bob().shows(&other));
        assert_eq!(seen, Err(session::Error::InvalidCertificate(cert::Error::StatusSerial)));
    }
    let policy = StatusPolicy { rule: StatusRule::Required, lowest_number: NUMBER + 1 };
    let alice = Side { policy, ..alice() };
    let ((seen, _), _) = handshake(&alice, &bob().shows(&good(SIZE)));
    let rollback = StatusError::Rollback { number: NUMBER, seen: NUMBER + 1 };
    assert_eq!(seen, Err(session::Error::InvalidCertificate(cert::Error::Status(rollback))));
}

#[test]
fn a_malformed_payload_is_refused() {
    let status = state(&good(SIZE), SIZE);
    for (change, code) in [
        (("\"status\":{", "\"status\": {"), Code::BadJson),
        (("\"status\":{", "\"statut\":{"), Code::BadRequest),
        (("certificate_status", "certificate_statue"), Code::CertificateRefused),
    ] {
        let bob = bob();
        let text = String::from_utf8(staple(&bob.certificate, &status)).expect("ASCII");
        assert!(text.contains(change.0));
        let bob = Side { credentials: text.replace(change.0, change.1).into(), ..bob };
        let ((seen, _), (told, _)) = handshake(&alice(), &bob);
        assert_eq!(seen.expect_err("refused").code(), Some(code), "{change:?}");
        assert_eq!(told, Err(session::Error::Refused(code)));
    }
}

/// A CA of 4096 bits, the longest names and numbers, and a status with a nonce.
#[test]
fn the_largest_stapled_handshake_fits_its_frames() {
    const LARGE: KeySize = KeySize::Bits4096;
    let (issuer, subject) = ("i".repeat(64), "s".repeat(64));
    let (key, serial_number) = (public(LARGE), Serial::new(MAX_INTEGER).expect("in range"));
    let side = |secret, status| {
        let pair = KeyPair::from_secret(Portable::new(), Secret::new([secret; 32]));
        let (issuer_id, subject_id, subject_key) = (id(&issuer), id(&subject), *pair.public());
        let fields = TbsCertificate { issuer_id, subject_id, subject_key, serial_number, ..sample(&key) };
        let certificate = issue(&fields, LARGE);
        let (number, nonce) = (MAX_INTEGER, Some([0xff; 32]));
        let fields = TbsStatus { issuer_id, serial_number, status, number, nonce, ..good(LARGE) };
        let credentials = staple(&certificate, &state(&fields, LARGE));
        assert!(credentials.len() <= STAPLED);
        let policy = StatusPolicy { rule: StatusRule::Required, lowest_number: 0 };
        let anchor = Anchor::from_key(Portable::new(), issuer_id, key.clone());
        Side { key: pair, certificate, credentials, anchor, policy }
    };
    let ends = handshake(&side(1, CertStatus::Good), &side(2, CertStatus::Good));
    assert!(matches!(ends, ((DONE, Some(_)), (DONE, Some(_)))), "{ends:?}");
    // The status of a revoked certificate is longer. It arrives, too.
    let longest = revocation(RevocationReason::CessationOfOperation);
    let revoked = side(2, CertStatus::Revoked(longest));
    let ((seen, _), _) = handshake(&side(1, CertStatus::Good), &revoked);
    let error = cert::Error::Status(StatusError::Revoked(longest));
    assert_eq!(seen, Err(session::Error::InvalidCertificate(error)));
    // The longest frame leaves some room, but not much.
    let frame = FRAME_HEADER + (32 + 48 + 16 + revoked.credentials.len()).div_ceil(3) * 4 + 40;
    assert!(frame <= FRAME && frame > FRAME - 512, "{frame}");
}
