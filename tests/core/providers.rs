//! Each provider against each: both roles of an enrolment and of a channel.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Certificate, TbsCertificate};
use minipki_core::crypto::rsa::{self, KeySize, SaltLength};
use minipki_core::crypto::{KeyPair, Portable, Provider};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_core::session::{
    EnrolClient, EnrolEvent, EnrolForm, EnrolOutcome, EnrolServer, Enrolment, Initiator, LocalIdentity,
    Received, Responder,
};
use minipki_core::time::Now;
use minipki_provider::AwsLc;
use minipki_tests::certificates::{NOW, SUBJECT, anchor, id, issue, sample, time};
use minipki_tests::pair::Record;
use minipki_tests::rsa_keys::{private, public, rng};

/// Makes a test of a function that is generic over the providers of two sides, for each pair of them.
macro_rules! between_each_two {
    ($function:ident) => {
        mod $function {
            use super::*;

            #[test]
            fn portable_and_portable() {
                $function::<Portable, Portable>();
            }

            #[test]
            fn portable_and_aws_lc() {
                $function::<Portable, AwsLc>();
            }

            #[test]
            fn aws_lc_and_portable() {
                $function::<AwsLc, Portable>();
            }

            #[test]
            fn aws_lc_and_aws_lc() {
                $function::<AwsLc, AwsLc>();
            }
        }
    };
}

between_each_two!(enrolment);
between_each_two!(channel);

/// Both sides of an enrolment, each form, with and without a token; a wrong token proves nothing.
fn enrolment<C: Provider, S: Provider>() {
    let token = C::sha256(&[b"a token"]);
    let proven = |token| EnrolForm::Proven { token };
    enrol::<C, S>(EnrolForm::Classic, None, true);
    enrol::<C, S>(proven(None), None, true);
    enrol::<C, S>(proven(Some(Secret::new(token))), Some(&token), true);
    enrol::<C, S>(proven(Some(Secret::new([0; 32]))), Some(&token), false);
}

fn enrol<C: Provider, S: Provider>(form: EnrolForm, token: Option<&[u8; 32]>, good: bool) {
    let (key, anchor) = (KeyPair::<C>::from_secret(Secret::new([7; 32])), anchor(KeySize::Bits2048));
    let subject_id = SUBJECT.parse().expect("a name");
    let enrolment = Enrolment { subject_id, key: &key, anchor: &anchor, now: Now::Exact(time(NOW)), form };
    let mut buffers = [[0; FRAME]; 4];
    let [a, b, c, d] = &mut buffers;
    let mut client = Link::new(EnrolClient::<C>::new(enrolment, &mut rng(1)), a, b);
    let mut server = Link::new(EnrolServer::<S>::new(anchor.fingerprint()), c, d);
    let mut record = Record::default();
    while record.run(&mut client, &mut server).0 != Ok(Want::Deliver) {
        let (subject_id, subject_key) = match server.event().expect("a request") {
            EnrolEvent::Challenge { .. } => {
                server.send(|ca, out| ca.challenge(&mut rng(2), out)).expect("a challenge");
                continue;
            }
            EnrolEvent::Classic { subject_id, subject_key } => (subject_id, subject_key),
            EnrolEvent::Proven { subject_id, subject_key, possession } => {
                assert_eq!(possession.proves(token), Ok(good));
                if !good {
                    return;
                }
                (subject_id, subject_key)
            }
        };
        let public = public(KeySize::Bits2048);
        let unsigned = TbsCertificate { subject_id: subject_id.as_id(), subject_key, ..sample(&public) };
        let text = issue(&unsigned, KeySize::Bits2048);
        server.send(|ca, out| ca.issue(&text, out)).expect("an answer that fits");
    }
    let Some(EnrolOutcome::Issued(range)) = client.event() else { panic!("{:?}", client.event()) };
    let certificate = Certificate::parse(&client.body()[range]).expect("well formed");
    assert_eq!(certificate.subject_key(), key.public());
}

/// A peer, as far as a handshake goes.
struct Peer<P: Provider> {
    key: KeyPair<P>,
    certificate: Vec<u8>,
    anchor: Anchor,
}

impl<P: Provider> Peer<P> {
    fn new(name: &str, secret: u8) -> Self {
        let (key, public) = (KeyPair::from_secret(Secret::new([secret; 32])), public(KeySize::Bits2048));
        let unsigned = TbsCertificate { subject_id: id(name), subject_key: *key.public(), ..sample(&public) };
        let certificate = issue(&unsigned, KeySize::Bits2048);
        Self { key, certificate, anchor: anchor(KeySize::Bits2048) }
    }

    fn local(&self) -> LocalIdentity<'_, P> {
        let (key, certificate, anchor) = (&self.key, &self.certificate[..], &self.anchor);
        LocalIdentity { key, certificate, anchor, now: Now::Exact(time(NOW)), peer: None }
    }
}

/// A handshake with certificates, and a message each way.
fn channel<I: Provider, R: Provider>() {
    let (alice, bob) = (Peer::<I>::new("alice", 1), Peer::<R>::new("bob", 2));
    let mut buffers = [[0; FRAME]; 4];
    let [a, b, c, d] = &mut buffers;
    let mut left = Link::new(Initiator::new(alice.local(), &mut rng(1)), a, b);
    let mut right = Link::new(Responder::new(bob.local(), &mut rng(2)), c, d);
    let ends = Record::default().run(&mut left, &mut right);
    assert_eq!(ends, (Ok(Want::Finished), Ok(Want::Finished)));
    let halves = left.split(|side| side.established().map(|open| (open.inbound, open.outbound, open.peer)));
    let (mut left_in, mut left_out, peer) = halves.expect("through");
    assert_eq!(peer.subject_id(), id("bob"));
    let halves = right.split(|side| side.established().map(|open| (open.inbound, open.outbound, open.peer)));
    let (mut right_in, mut right_out, peer) = halves.expect("through");
    assert_eq!(peer.subject_id(), id("alice"));

    left_out.send(|half, out| half.seal(b"hello", out)).expect("a message that fits");
    let _ = Record::default().run(&mut left_out, &mut right_in);
    let Some(Received::Message(range)) = right_in.event() else { panic!("no message came") };
    assert_eq!(&right_in.body()[range], b"hello");
    right_out.send(|half, out| half.seal(b"and you", out)).expect("a message that fits");
    let _ = Record::default().run(&mut right_out, &mut left_in);
    let Some(Received::Message(range)) = left_in.event() else { panic!("no message came") };
    assert_eq!(&left_in.body()[range], b"and you");
}

/// AWS-LC is asked about the longest salt only; whichever salt it is, and whatever is wrong, the
/// verdict is the core's.
#[test]
fn both_give_the_same_verdict_on_every_signature() {
    let digest = Portable::sha256(&[b"a message"]);
    for size in [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096] {
        let (key, mut room) = (public(size), [0; 512]);
        for length in [0, 31, 32, size.max_salt()] {
            let salt = vec![0x5a; length];
            let signature =
                private(size).sign_pss(&digest, &salt, &mut rng(1), &mut room).expect("a salt that fits");
            let mut changed = signature.to_vec();
            changed[100] ^= 1;
            for accepted in [SaltLength::AtLeast(32), SaltLength::Exactly(length), SaltLength::Exactly(32)] {
                for (digest, signature) in [
                    (&digest, signature),
                    (&[0; 32], signature),
                    (&digest, &changed),
                    (&digest, &signature[1..]),
                ] {
                    let verdict = AwsLc::verify_pss_sha256(&key, digest, signature, accepted);
                    assert_eq!(
                        verdict,
                        key.verify_pss(digest, signature, accepted),
                        "{size:?} {length} {accepted:?}"
                    );
                }
            }
            let ours = AwsLc::verify_pss_sha256(&key, &digest, signature, SaltLength::AtLeast(32));
            let expected = if length < 32 { Err(rsa::Error::SaltLength) } else { Ok(()) };
            assert_eq!(ours, expected, "{size:?} {length}");
            // The key that was asked about last is remembered; it is not another one.
            let other = public(if size == KeySize::Bits2048 { KeySize::Bits3072 } else { KeySize::Bits2048 });
            let salt = SaltLength::Exactly(other.size().max_salt());
            let theirs = AwsLc::verify_pss_sha256(&other, &digest, signature, salt);
            assert_eq!(theirs, other.verify_pss(&digest, signature, salt), "{size:?}");
            assert!(theirs.is_err());
        }
    }
}
