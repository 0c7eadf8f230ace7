//! Identities of the test CA, and channels and streams between them.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use minipki_client::{ChannelOptions, ClientError, Deadlines, Identity, Role, open};
use minipki_core::cert::{Anchor, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable, x25519};
use minipki_core::keys::PKCS8_PEM;
use minipki_core::limits;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::Validity;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

pub use minipki_lab::MemoryChannel;

use minipki_fixtures::certificates::{anchor, id, issue, sample};
use minipki_fixtures::rsa_keys::{public, rng};
use minipki_provider::HostProvider;

/// The CA of the tests.
pub const CA: KeySize = KeySize::Bits2048;

/// Another CA with the same name.
pub const OTHER_CA: KeySize = KeySize::Bits3072;

const HOUR: u64 = 3600;

/// The present time of the machine's clock.
pub fn now() -> UnixTime {
    minipki_os::clock::now().expect("the machine's clock is set")
}

/// A validity from an hour ago to an hour ahead.
pub fn valid() -> Validity {
    between(now().get() - HOUR, now().get() + HOUR)
}

/// A validity from two hours ago to an hour ago.
pub fn expired() -> Validity {
    between(now().get() - 2 * HOUR, now().get() - HOUR)
}

/// A validity from an hour ago to `seconds` ahead.
pub fn expiring_in(seconds: u64) -> Validity {
    between(now().get() - HOUR, now().get() + seconds)
}

/// A validity between two times in seconds since 1970.
pub fn between(from: u64, to: u64) -> Validity {
    let time = |seconds| UnixTime::new(seconds).expect("before the year 10000");
    Validity::new(time(from), time(to)).expect("in order")
}

/// The key pair that belongs to a seed.
pub fn key_pair(seed: u64) -> KeyPair {
    KeyPair::generate(Portable::new(), &mut rng(seed))
}

/// A certificate of `ca`.
pub fn certificate(ca: KeySize, subject: &str, key: &x25519::PublicKey, validity: Validity) -> Vec<u8> {
    let issuer_key = public(ca);
    let (subject_id, subject_key) = (id(subject), *key);
    issue(&TbsCertificate { subject_id, subject_key, validity, ..sample(&issuer_key) }, ca)
}

/// The anchor of the test CA.
pub fn trust() -> Anchor {
    anchor(CA)
}

/// An identity of the test CA. Its name determines its key.
pub fn identity(subject: &str) -> Identity {
    identity_of(CA, subject, valid())
}

/// An identity of `ca` with this validity. It need not be valid now.
pub fn identity_of(ca: KeySize, subject: &str, validity: Validity) -> Identity {
    let key = key_pair(subject.bytes().map(u64::from).sum());
    let text = certificate(ca, subject, key.public(), validity);
    let key = KeyPair::from_secret(HostProvider::default(), key.secret().clone());
    Identity::new(key, text, anchor(ca), Now::Exact(validity.not_before())).expect("a good certificate")
}

/// Writes `identity` to `folder` as `minipki enroll` does.
///
/// # Panics
/// If it cannot be written.
pub fn keep(folder: &Path, identity: &Identity) {
    let (mut pem, mut anchor) = ([0; PKCS8_PEM], [0; limits::ANCHOR]);
    let pem = identity.key().write_pkcs8_pem(&mut pem).expect("the buffer is large enough");
    let anchor = identity.anchor().encode(&mut anchor).expect("the buffer is large enough");
    fs::create_dir(folder).expect("a new folder");
    let files =
        [("key.pem", pem.as_bytes()), ("certificate.json", identity.certificate()), ("anchor.json", anchor)];
    for (name, content) in files {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(folder.join(name));
        file.and_then(|mut file| file.write_all(content)).expect("the file can be written");
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("the owner may change it");
}

/// The two halves of a stream in memory, as channels use them.
pub type Halves = (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>);

/// Both ends of a stream that buffers at most `room` bytes in each direction.
pub fn stream(room: usize) -> (Halves, Halves) {
    let (left, right) = tokio::io::duplex(room);
    (tokio::io::split(left), tokio::io::split(right))
}

/// Opens one end of a channel.
///
/// # Errors
/// A failed handshake.
pub async fn enter(
    role: Role,
    (reader, writer): Halves,
    identity: &Identity,
    options: &ChannelOptions,
) -> Result<MemoryChannel, ClientError> {
    open(role, "the other side", reader, writer, identity, options).await
}

/// Both ends of an open channel: alice, the initiator, and bob.
pub async fn channel() -> (MemoryChannel, MemoryChannel) {
    let (near, far) = stream(64);
    let (alice, bob) = (identity("alice"), identity("bob"));
    let options = ChannelOptions::default();
    let (alice, bob) = tokio::join!(
        enter(Role::Initiator, near, &alice, &options),
        enter(Role::Responder, far, &bob, &options)
    );
    (alice.expect("both are certified"), bob.expect("both are certified"))
}

/// Short deadlines for tests with a silent peer.
pub fn short_deadlines() -> Deadlines {
    Deadlines { exchange: Duration::from_millis(50), ..Deadlines::default() }
}

/// Sends a valid frame.
pub async fn put_frame(writer: &mut (impl AsyncWrite + Unpin), body: &[u8]) {
    let length = u32::try_from(body.len()).expect("a short body").to_be_bytes();
    writer.write_all(&[&length[..], body].concat()).await.expect("the other side reads");
}

/// Receives a frame.
pub async fn get_frame(reader: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let length = reader.read_u32().await.expect("the other side sends a frame");
    let mut body = vec![0; length as usize];
    reader.read_exact(&mut body).await.expect("a whole frame");
    body
}

/// A list that callbacks add to.
#[derive(Debug)]
pub struct Collected<T>(Mutex<Vec<T>>);

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Collected<T> {
    /// Adds an item.
    pub fn add(&self, item: T) {
        self.0.lock().expect("no test panics here").push(item);
    }

    /// Removes and returns all items.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().expect("no test panics here"))
    }
}
