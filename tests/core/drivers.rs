//! Both drivers, fed the same bytes in every possible way, say the same.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::drive;
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Machine, Want};
use minipki_core::session::{
    self, EnrolClient, EnrolEvent, EnrolForm, EnrolOutcome, EnrolServer, Enrolment, Initiator, LocalIdentity,
    Responder,
};
use minipki_core::time::Now;
use minipki_tests::certificates::{NOW, SUBJECT, anchor, id, issue, sample, time};
use minipki_tests::pair::Record;
use minipki_tests::rsa_keys::{public, rng};
use minipki_tests::stream::{Cut, Playback};
use rand_chacha::ChaCha20Rng;

const SIZE: KeySize = KeySize::Bits2048;

/// A side of a conversation: the same machine and the same randomness at each call.
trait Side {
    type Machine: Machine<Error = session::Error>;
    fn machine(&self) -> Self::Machine;
    /// What the application does when it is its turn; false when there is nothing to do.
    fn turn(&self, link: &mut Link<'_, Self::Machine>, rng: &mut ChaCha20Rng) -> bool;
}

/// What a side sends if it is played `incoming` through the blocking driver.
fn blocking<S: Side>(side: &S, incoming: &[u8], cut: Cut) -> Vec<u8> {
    let (mut rx, mut tx, mut rng) = ([0; FRAME], [0; FRAME], rng(9));
    let mut link = Link::new(side.machine(), &mut rx, &mut tx);
    let mut stream = Playback::new(incoming, cut);
    while drive::drive(&mut link, &mut stream) == Ok(Want::Deliver) && side.turn(&mut link, &mut rng) {}
    stream.outgoing
}

/// The same through the asynchronous driver.
fn asynchronous<S: Side>(side: &S, incoming: &[u8], cut: Cut) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (mut rx, mut tx, mut rng) = ([0; FRAME], [0; FRAME], rng(9));
    let mut link = Link::new(side.machine(), &mut rx, &mut tx);
    let mut reader = Playback::new(incoming, cut);
    let mut writer = Playback::new(&[], cut);
    runtime.block_on(async {
        while let Ok(Want::Deliver) = minipki_net::drive(&mut link, &mut reader, &mut writer, None).await
            && side.turn(&mut link, &mut rng)
        {}
    });
    writer.outgoing
}

/// Plays `incoming` to `side` whole, byte by byte and cut at every place.
fn every_way<S: Side>(side: &S, incoming: &[u8], outgoing: &[u8]) {
    let cuts = (0..=incoming.len().max(outgoing.len())).map(Cut::At);
    for cut in [Cut::Every(usize::MAX), Cut::Every(1), Cut::Every(3)].into_iter().chain(cuts) {
        assert!(blocking(side, incoming, cut) == outgoing, "blocking, {cut:?}");
        assert!(asynchronous(side, incoming, cut) == outgoing, "asynchronous, {cut:?}");
    }
}

/// Plays the two sides to each other, and then to each, in every way, what the other said.
fn hold<L: Side, R: Side>(left: &L, right: &R) {
    let (mut a, mut b, mut c, mut d) = ([0; FRAME], [0; FRAME], [0; FRAME], [0; FRAME]);
    let mut l = Link::new(left.machine(), &mut a, &mut b);
    let mut r = Link::new(right.machine(), &mut c, &mut d);
    let (mut record, mut l_rng, mut r_rng) = (Record::default(), rng(9), rng(9));
    loop {
        let (at_left, at_right) = record.run(&mut l, &mut r);
        let turn = at_left == Ok(Want::Deliver) && left.turn(&mut l, &mut l_rng);
        if !(turn | (at_right == Ok(Want::Deliver) && right.turn(&mut r, &mut r_rng))) {
            break;
        }
    }
    assert!(!record.to_left.is_empty() && !record.to_right.is_empty());
    every_way(left, &record.to_left, &record.to_right);
    every_way(right, &record.to_right, &record.to_left);
}

/// Leaked, like everything that the machines here borrow, so that they can be made anew at will.
fn key(secret: u8) -> &'static KeyPair {
    Box::leak(Box::new(KeyPair::<Portable>::from_secret(Secret::new([secret; 32]))))
}

fn certificate(name: &str, key: &KeyPair) -> Vec<u8> {
    issue(&TbsCertificate { subject_id: id(name), subject_key: *key.public(), ..sample(&public(SIZE)) }, SIZE)
}

struct Client {
    key: &'static KeyPair,
    anchor: &'static Anchor,
}

impl Side for Client {
    type Machine = EnrolClient<'static, Portable>;

    fn machine(&self) -> Self::Machine {
        let subject_id = SUBJECT.parse().expect("a name");
        let (now, form) = (Now::Exact(time(NOW)), EnrolForm::Proven { token: None });
        let enrolment = Enrolment { subject_id, key: self.key, anchor: self.anchor, now, form };
        EnrolClient::new(enrolment, &mut rng(1))
    }

    fn turn(&self, link: &mut Link<'_, Self::Machine>, _: &mut ChaCha20Rng) -> bool {
        assert!(matches!(link.event(), Some(EnrolOutcome::Issued(_))));
        false
    }
}

struct Ca {
    certificate: Vec<u8>,
}

impl Side for Ca {
    type Machine = EnrolServer<Portable>;

    fn machine(&self) -> Self::Machine {
        EnrolServer::new(anchor(SIZE).fingerprint())
    }

    fn turn(&self, link: &mut Link<'_, Self::Machine>, rng: &mut ChaCha20Rng) -> bool {
        match link.event() {
            Some(EnrolEvent::Challenge { .. }) => link.send(|ca, out| ca.challenge(rng, out)).is_ok(),
            Some(EnrolEvent::Proven { possession, .. }) => {
                assert_eq!(possession.proves(None), Ok(true));
                link.send(|ca, out| ca.issue(&self.certificate, out)).is_ok()
            }
            _ => false,
        }
    }
}

#[test]
fn enrolment_is_the_same_however_its_bytes_arrive() {
    let (key, anchor) = (key(7), Box::leak(Box::new(anchor(SIZE))));
    hold(&Client { key, anchor }, &Ca { certificate: certificate(SUBJECT, key) });
}

fn peer(name: &str, secret: u8) -> LocalIdentity<'static> {
    let (key, anchor) = (key(secret), Box::leak(Box::new(anchor(SIZE))));
    let certificate = certificate(name, key).leak();
    LocalIdentity { key, certificate, anchor, now: Now::Exact(time(NOW)), peer: None }
}

struct Connects(LocalIdentity<'static>);
struct Listens(LocalIdentity<'static>);

impl Side for Connects {
    type Machine = Initiator<'static, Portable>;

    fn machine(&self) -> Self::Machine {
        Initiator::new(self.0, &mut rng(1))
    }

    fn turn(&self, _: &mut Link<'_, Self::Machine>, _: &mut ChaCha20Rng) -> bool {
        false
    }
}

impl Side for Listens {
    type Machine = Responder<'static, Portable>;

    fn machine(&self) -> Self::Machine {
        Responder::new(self.0, &mut rng(2))
    }

    fn turn(&self, _: &mut Link<'_, Self::Machine>, _: &mut ChaCha20Rng) -> bool {
        false
    }
}

#[test]
fn a_handshake_is_the_same_however_its_bytes_arrive() {
    hold(&Connects(peer("alice", 1)), &Listens(peer("bob", 2)));
}
