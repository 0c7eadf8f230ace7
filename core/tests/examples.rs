//! The examples of docs/embedded.md, run as on a device.
#![allow(
    unused_attributes,
    unreachable_pub,
    reason = "each is a crate of its own, without the standard library"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::os::unix::net::UnixStream;
use std::thread;

use embedded_io_adapters::std::FromStd;
use minipki_core::bytes::Secret;
use minipki_core::cert::{Error, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::drive::{DriveError, drive};
use minipki_core::limits::{CERTIFICATE, FRAME, KEY};
use minipki_core::link::{Link, Misuse};
use minipki_core::session::{CaServer, ClientRequest, Error as SessionError, LocalIdentity};
use minipki_core::time::Now;
use minipki_core::trust::{StatusPolicy, Validity, ValidityError};
use minipki_fixtures::certificate_corpus::ENDS;
use minipki_fixtures::certificates::{NOW, SUBJECT, anchor, id, issue, sample, time};
use minipki_fixtures::rsa_keys::{public, rng};
use minipki_fixtures::vector_path;
use rand_core::{CryptoRng, Rng};

#[path = "../examples/channel.rs"]
mod channel;
#[path = "../examples/enrolment.rs"]
mod enrolment;
#[path = "../examples/identity.rs"]
mod identity;
#[path = "../examples/randomness.rs"]
mod randomness;

const SIZE: KeySize = KeySize::Bits2048;

/// Two ends of a stream.
fn streams() -> (FromStd<UnixStream>, FromStd<UnixStream>) {
    let (one, other) = UnixStream::pair().expect("two sockets");
    (FromStd::new(one), FromStd::new(other))
}

#[test]
fn a_device_enrols() {
    let key = KeyPair::generate(Portable::new(), &mut rng(1));
    let validity = Validity::new(time("2026-11-20T00:00:00+00:00"), time("2027-02-20T00:00:00+00:00"));
    let validity = validity.expect("in order");
    let certificate =
        issue(&TbsCertificate { subject_key: *key.public(), validity, ..sample(&public(SIZE)) }, SIZE);
    let (mut device, mut stream) = streams();
    let ca = thread::spawn({
        let certificate = certificate.clone();
        move || {
            let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
            let server: CaServer<Portable> = CaServer::new(Portable::new());
            let mut link = Link::new(server, &mut rx, &mut tx);
            drive(&mut link, &mut stream).expect("a request");
            assert!(matches!(link.event(), Some(ClientRequest::Challenge { .. })));
            link.send(|ca, out| ca.challenge(&mut rng(2), out)).expect("room");
            drive(&mut link, &mut stream).expect("a proof");
            let Some(ClientRequest::Proven { possession, .. }) = link.event() else { panic!("no proof") };
            assert_eq!(possession.proves(&[anchor(SIZE).fingerprint()], None), Ok(true));
            link.send(|ca, out| ca.issue(&certificate, out)).expect("room");
            drive(&mut link, &mut stream).expect("the device has gone");
        }
    });
    let (name, fingerprint) = (SUBJECT.parse().expect("a name"), anchor(SIZE).fingerprint().0);
    let (now, mut buffers) = (Now::AtLeast(time("2026-11-23T00:00:00+00:00")), [[0; FRAME]; 2]);
    let issued = enrolment::enrol(&mut device, (name, &key), fingerprint, now, &mut rng(3), &mut buffers);
    assert_eq!(issued.expect("a certificate")[..], certificate);
    drop(device);
    ca.join().expect("the thread has not panicked");
}

/// The key and the certificate of one of [`ENDS`].
fn end(number: usize) -> (KeyPair, Vec<u8>) {
    let (name, secret) = ENDS[number];
    let file = vector_path("cert/cost").join(format!("{name}-2048"));
    (KeyPair::from_secret(Portable::new(), Secret::new(secret)), fs::read(file).expect("the corpus is whole"))
}

/// The examples of the documentation read copies, since the published crate has no corpus.
#[test]
fn the_documentation_shows_certificates_of_the_corpus() {
    let copy = |name| fs::read(vector_path("../core/examples/data").join(name)).expect("it is there");
    assert_eq!(copy("sensor.json"), end(0).1);
    assert_eq!(copy("gateway.json"), end(1).1);
    assert_eq!(copy("anchor.json"), fs::read(vector_path("cert/anchor.json")).expect("it is there"));
}

#[test]
fn two_devices_open_a_channel() {
    let (mut near, mut far) = streams();
    let responder = thread::spawn(move || {
        let ((key, certificate), anchor, mut buffers) = (end(1), anchor(SIZE), [[0; FRAME]; 2]);
        let now = Now::Exact(time(NOW));
        let local = LocalIdentity {
            key: &key,
            credentials: &certificate,
            anchor: &anchor,
            now,
            status_policy: StatusPolicy::default(),
            peer: None,
        };
        let mut channel = channel::respond(&mut far, local, &mut rng(1), &mut buffers).expect("a channel");
        assert_eq!(channel.peer.subject_id().as_str(), ENDS[0].0);
        let message = channel.receive(&mut far).expect("a message").map(<[u8]>::to_vec);
        assert_eq!(message.as_deref(), Some(&b"21.5 C"[..]));
        channel.send(&mut far, b"good morning").expect("an answer");
        channel.close(&mut far).expect("the end");
        assert!(channel.receive(&mut far).is_ok_and(|message| message.is_none()));
    });
    let ((key, certificate), anchor, mut buffers) = (end(0), anchor(SIZE), [[0; FRAME]; 2]);
    let (now, peer) = (Now::Exact(time(NOW)), Some(id(ENDS[1].0)));
    let local = LocalIdentity {
        key: &key,
        credentials: &certificate,
        anchor: &anchor,
        now,
        status_policy: StatusPolicy::default(),
        peer,
    };
    let mut channel = channel::initiate(&mut near, local, &mut rng(2), &mut buffers).expect("a channel");
    channel.send(&mut near, b"21.5 C").expect("a message");
    assert_eq!(channel.receive(&mut near).expect("an answer"), Some(&b"good morning"[..]));
    assert!(channel.receive(&mut near).is_ok_and(|message| message.is_none()));
    // The end is returned once. A later call is an error, so that no caller takes it for an empty message.
    assert!(matches!(
        channel.receive(&mut near),
        Err(DriveError::Session(SessionError::Misuse(Misuse::OutOfTurn)))
    ));
    channel.close(&mut near).expect("the end");
    responder.join().expect("the thread has not panicked");
}

/// Storage in memory.
#[derive(Default)]
struct Memory(HashMap<u8, Vec<u8>>);

impl identity::Storage for Memory {
    type Error = Infallible;

    fn load(&mut self, record: identity::Record, buffer: &mut [u8]) -> Result<Option<usize>, Infallible> {
        Ok(self.0.get(&(record as u8)).map(|bytes| {
            let len = bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&bytes[..len]);
            bytes.len()
        }))
    }

    fn store(&mut self, record: identity::Record, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.insert(record as u8, bytes.to_vec());
        Ok(())
    }
}

#[test]
fn a_device_has_one_key_and_verifies_its_certificate_at_each_start() {
    use identity::{Record, Storage};
    let (mut storage, mut buffer) = (Memory::default(), [0; CERTIFICATE]);
    let made = identity::key(&mut storage, &mut rng(1)).expect("a key");
    let again = identity::key(&mut storage, &mut rng(2)).expect("the same");
    assert_eq!(made.public(), again.public());
    let (name, anchor, now) = (id(ENDS[0].0), anchor(SIZE), Now::Exact(time(NOW)));
    let before = identity::certificate(&mut storage, (name, &made), (&anchor, now), &mut buffer);
    assert!(before.is_ok_and(|certificate| certificate.is_none()), "nothing is stored");

    let (key, certificate) = end(0);
    let _ = storage.store(Record::Certificate, &certificate);
    let stored = identity::certificate(&mut storage, (name, &key), (&anchor, now), &mut buffer);
    assert_eq!(stored.expect("it verifies"), Some(&certificate[..]));
    let of_another = identity::certificate(&mut storage, (name, &made), (&anchor, now), &mut buffer);
    assert!(matches!(of_another, Err(identity::Error::Certificate(Error::SubjectKeyMismatch))));
    let late = Now::Exact(time("2027-01-01T00:00:00+00:00"));
    let expired = identity::certificate(&mut storage, (name, &key), (&anchor, late), &mut buffer);
    assert!(matches!(
        expired,
        Err(identity::Error::Certificate(Error::Validity(ValidityError::Expired { .. })))
    ));

    let _ = storage.store(Record::PrivateKey, &[0; KEY - 1]);
    let _ = storage.store(Record::Certificate, &[0; CERTIFICATE + 1]);
    assert!(matches!(identity::key(&mut storage, &mut rng(3)), Err(identity::Error::Damaged)));
    let damaged = identity::certificate(&mut storage, (name, &key), (&anchor, now), &mut buffer);
    assert!(matches!(damaged, Err(identity::Error::Damaged)));
}

/// A generator that counts, and fails after 3 words.
struct Counter(u32);

impl randomness::Trng for Counter {
    fn word(&mut self) -> Option<u32> {
        self.0 += 1;
        (self.0 < 4).then_some(self.0)
    }
}

#[test]
fn a_chips_generator_that_fails_stops_the_device() {
    let mut bytes = [0; 12];
    randomness::generator(Counter(0)).fill_bytes(&mut bytes);
    assert_eq!(bytes, *b"\x01\0\0\0\x02\0\0\0\x03\0\0\0");
    let key = std::panic::catch_unwind(|| {
        KeyPair::generate(Portable::new(), &mut randomness::generator(Counter(0)))
    });
    assert!(key.is_err(), "a key of 32 bytes needs more than 3 words");
}

/// A generator of the older traits, which repeats one byte.
struct Older;

impl rand_core_06::RngCore for Older {
    fn next_u32(&mut self) -> u32 {
        0x0606_0606
    }

    fn next_u64(&mut self) -> u64 {
        0x0606_0606_0606_0606
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(6);
    }

    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), rand_core_06::Error> {
        unreachable!("the bridge asks for bytes that cannot fail")
    }
}

impl rand_core_06::CryptoRng for Older {}

impl rand_core_09::RngCore for Older {
    fn next_u32(&mut self) -> u32 {
        0x0909_0909
    }

    fn next_u64(&mut self) -> u64 {
        0x0909_0909_0909_0909
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(9);
    }
}

impl rand_core_09::CryptoRng for Older {}

#[test]
fn older_generators_serve() {
    fn drawn(mut rng: impl CryptoRng) -> ([u8; KEY], u32, u64) {
        (*KeyPair::generate(Portable::new(), &mut rng).secret().expose(), rng.next_u32(), rng.next_u64())
    }
    assert_eq!(drawn(randomness::From06(Older)), ([6; KEY], 0x0606_0606, 0x0606_0606_0606_0606));
    assert_eq!(drawn(randomness::From09(Older)), ([9; KEY], 0x0909_0909, 0x0909_0909_0909_0909));
}
