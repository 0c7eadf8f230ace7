//! A device on a board in memory. The test supplies the remote of every connection.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use minipki_core::crypto::{Portable, x25519};
use minipki_core::time::Now;
use minipki_core::trust::StatusRule;
use minipki_device_app::{Board, Exit, Memory, Record, StorageError, Stream, Text, run};
use rand_chacha::ChaCha20Rng;

use crate::device_remotes::Remote;
use crate::peers::trust;
use minipki_fixtures::certificates::{id, x25519_key};
use minipki_fixtures::rsa_keys::rng;

/// The configuration of a device in memory.
pub type Config<'a> = minipki_device_app::Config<'a, SocketAddr>;

/// The task of a device in memory.
pub type Errand = minipki_device_app::Errand<SocketAddr>;

/// The address of the CA in memory.
const CA_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9000);

/// The configuration of a device that trusts the test CA and sends a text.
pub fn config(errand: Errand) -> Config<'static> {
    Config {
        ca: CA_ADDRESS,
        fingerprint: trust().fingerprint(),
        subject: id("device"),
        token: None,
        errand,
        peer: None,
        status: StatusRule::Optional,
        send: Some(Text::new("21.5 degrees").expect("plain")),
        deadline: Duration::from_secs(1),
    }
}

/// The task to connect to the peer. In memory the address has no meaning.
pub fn connect() -> Errand {
    Errand::Connect(([192, 0, 2, 2], 9101).into())
}

/// The task to listen for the peer.
pub fn listen() -> Errand {
    Errand::Listen(([192, 0, 2, 2], 9101).into())
}

/// The faults of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage {
    /// The number of bytes after which the device receives no more.
    pub incoming: Option<usize>,
    /// The number of bytes after which the device cannot send any more.
    pub outgoing: Option<usize>,
    /// Whether the connection becomes silent instead of being cut.
    pub silent: bool,
    /// The position of a byte to the device, and the number of its changed bit.
    pub flip: Option<(usize, u32)>,
}

/// The traffic of a connection.
#[derive(Clone, Default)]
pub struct Passed {
    /// The bytes that the remote sent, without the damage.
    pub incoming: Vec<u8>,
    /// The number of bytes that the device sent.
    pub outgoing: usize,
}

/// All records of a device.
const RECORDS: [Record; 6] =
    [Record::Identity, Record::Renewal, Record::Status, Record::Number, Record::Anchor, Record::Time];

/// A connection in memory.
pub struct TestStream {
    remote: Remote,
    damage: Damage,
    read: usize,
    passed: Rc<RefCell<Passed>>,
    open: Rc<RefCell<usize>>,
}

impl ErrorType for TestStream {
    type Error = ErrorKind;
}

impl Read for TestStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut passed = self.passed.borrow_mut();
        if self.read == passed.incoming.len() {
            passed.incoming.extend(self.remote.respond(&[]));
        }
        let end = passed.incoming.len().min(self.damage.incoming.unwrap_or(usize::MAX));
        let n = buffer.len().min(end - self.read);
        buffer[..n].copy_from_slice(&passed.incoming[self.read..self.read + n]);
        if let Some((at, bit)) = self.damage.flip
            && (self.read..self.read + n).contains(&at)
        {
            buffer[at - self.read] ^= 1 << bit;
        }
        self.read += n;
        match n {
            // In memory there is no delay. If no byte has come now, none will come.
            0 if self.damage.silent || !(self.remote.ended() || self.damage.incoming == Some(end)) => {
                Err(ErrorKind::TimedOut)
            }
            n => Ok(n),
        }
    }
}

impl Write for TestStream {
    fn write(&mut self, data: &[u8]) -> Result<usize, ErrorKind> {
        let mut passed = self.passed.borrow_mut();
        let room = self.damage.outgoing.unwrap_or(usize::MAX) - passed.outgoing;
        let n = data.len().min(room);
        if n == 0 {
            return Err(if self.damage.silent { ErrorKind::TimedOut } else { ErrorKind::ConnectionReset });
        }
        passed.outgoing += n;
        let bytes = self.remote.respond(&data[..n]);
        passed.incoming.extend(bytes);
        Ok(n)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Stream for TestStream {
    fn set_deadline(&mut self, _: Duration) {}

    fn close(self) {
        *self.open.borrow_mut() -= 1;
    }
}

/// A board in memory. Its entropy is the same in every run.
pub struct TestBoard {
    /// The time of its clock.
    pub now: Now,
    /// The stored identity.
    pub identity: Option<Vec<u8>>,
    /// The stored key of a renewal.
    pub renewal: Option<Vec<u8>>,
    /// The stored status.
    pub status: Option<Vec<u8>>,
    /// The stored revocation number.
    pub number: Option<Vec<u8>>,
    /// The stored changes of the CA's key.
    pub anchor: Option<Vec<u8>>,
    /// The stored time.
    pub time: Option<Vec<u8>>,
    /// The number of writes that still succeed.
    pub writes: usize,
    /// The size of the storage in bytes.
    pub room: usize,
    /// The lines of the report.
    pub lines: Vec<String>,
    /// The traffic of each connection.
    pub passed: Vec<Rc<RefCell<Passed>>>,
    cas: VecDeque<(Remote, Damage)>,
    peers: VecDeque<(Remote, Damage)>,
    /// The reserved part of the storage.
    reserved: BTreeSet<Record>,
    rng: ChaCha20Rng,
    open: Rc<RefCell<usize>>,
}

impl TestBoard {
    /// A new board whose clock shows `now`.
    pub fn new(now: Now) -> Self {
        Self {
            now,
            identity: None,
            renewal: None,
            status: None,
            number: None,
            anchor: None,
            time: None,
            writes: usize::MAX,
            room: usize::MAX,
            lines: Vec::new(),
            passed: Vec::new(),
            cas: VecDeque::new(),
            peers: VecDeque::new(),
            reserved: BTreeSet::new(),
            rng: rng(77),
            open: Rc::default(),
        }
    }

    /// Sets the remote of the next connection to the CA. Without a further remote, connections fail.
    #[must_use]
    pub fn with_ca(self, remote: Remote) -> Self {
        self.with_damaged_ca(remote, Damage::default())
    }

    /// Sets the remote of the next connection to the CA, which has this damage.
    #[must_use]
    pub fn with_damaged_ca(mut self, remote: Remote, damage: Damage) -> Self {
        self.cas.push_back((remote, damage));
        self
    }

    /// Sets the remote of the next connection to or from a peer. Without a further remote, connections fail.
    #[must_use]
    pub fn with_peer(self, remote: Remote) -> Self {
        self.with_damaged_peer(remote, Damage::default())
    }

    /// Sets the remote of the next connection to or from a peer, which has this damage.
    #[must_use]
    pub fn with_damaged_peer(mut self, remote: Remote, damage: Damage) -> Self {
        self.peers.push_back((remote, damage));
        self
    }

    /// The board after a restart. It keeps its storage.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let mut board = Self::new(self.now);
        for record in RECORDS {
            *board.place(record) = self.stored(record).clone();
        }
        board
    }

    /// Sets other entropy.
    #[must_use]
    pub fn with_entropy(mut self, seed: u64) -> Self {
        self.rng = rng(seed);
        self
    }

    /// The stored private key.
    pub fn key(&self) -> Option<&[u8]> {
        self.identity.as_ref()?.get(..32)
    }

    /// The public key that belongs to it.
    pub fn public_key(&self) -> x25519::PublicKey {
        let public = self.identity.as_ref().and_then(|record| record.get(32..64)).expect("a stored key");
        x25519_key(public.try_into().expect("32 bytes"))
    }

    /// The stored certificate.
    pub fn certificate(&self) -> Option<&[u8]> {
        let text = self.identity.as_ref()?.get(64..)?.split(|byte| *byte == 0).next()?;
        (!text.is_empty()).then_some(text)
    }

    /// The place of a record.
    fn place(&mut self, record: Record) -> &mut Option<Vec<u8>> {
        match record {
            Record::Identity => &mut self.identity,
            Record::Renewal => &mut self.renewal,
            Record::Status => &mut self.status,
            Record::Number => &mut self.number,
            Record::Anchor => &mut self.anchor,
            Record::Time => &mut self.time,
        }
    }

    /// A stored record.
    fn stored(&self, record: Record) -> &Option<Vec<u8>> {
        match record {
            Record::Identity => &self.identity,
            Record::Renewal => &self.renewal,
            Record::Status => &self.status,
            Record::Number => &self.number,
            Record::Anchor => &self.anchor,
            Record::Time => &self.time,
        }
    }

    /// Counts a write that adds `more` bytes to the storage, and fails if there is no room.
    fn write(&mut self, more: usize) -> Result<(), StorageError> {
        let kept = RECORDS.iter().filter_map(|record| self.stored(*record).as_ref()).map(Vec::len);
        let used = kept.chain(self.reserved.iter().map(|record| record.size())).sum::<usize>();
        self.writes = self.writes.checked_sub(1).ok_or(StorageError)?;
        if used + more <= self.room { Ok(()) } else { Err(StorageError) }
    }

    /// Runs the application. Checks that it closes every connection and that its last line reports the exit.
    pub fn run(&mut self, config: &Config<'_>) -> Exit {
        let exit = run(config, &mut Memory::new(), self);
        assert_eq!(*self.open.borrow(), 0, "every connection was closed");
        assert_eq!(self.lines.last(), Some(&format!("exit {}: {exit}", exit.code())));
        exit
    }

    /// Whether a line of the report contains `text`.
    pub fn reported(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    fn connection(&mut self, next: Option<(Remote, Damage)>) -> Result<TestStream, ErrorKind> {
        let (remote, damage) = next.ok_or(ErrorKind::ConnectionRefused)?;
        let passed = Rc::<RefCell<Passed>>::default();
        self.passed.push(Rc::clone(&passed));
        *self.open.borrow_mut() += 1;
        Ok(TestStream { remote, damage, read: 0, passed, open: Rc::clone(&self.open) })
    }
}

impl Board for TestBoard {
    type Crypto = Portable;
    type Address = SocketAddr;
    type Stream = TestStream;
    type Rng = ChaCha20Rng;

    fn crypto(&self) -> Portable {
        Portable::new()
    }

    fn connect(&mut self, to: SocketAddr, _: Duration) -> Result<TestStream, ErrorKind> {
        let remotes = if to == CA_ADDRESS { &mut self.cas } else { &mut self.peers };
        let next = remotes.pop_front();
        self.connection(next)
    }

    fn listen(&mut self, on: SocketAddr, _: Duration) -> Result<SocketAddr, ErrorKind> {
        Ok(on)
    }

    fn accept(&mut self) -> Result<TestStream, ErrorKind> {
        let next = self.peers.pop_front();
        self.connection(next).map_err(|_| ErrorKind::TimedOut)
    }

    fn entropy(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }

    fn now(&mut self) -> Now {
        self.now
    }

    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError> {
        let Some(stored) = self.stored(record) else { return Ok(None) };
        buffer.get_mut(..stored.len()).ok_or(StorageError)?.copy_from_slice(stored);
        Ok(Some(stored.len()))
    }

    /// Replaces the record in one step, as with files.
    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        assert_eq!(bytes.len(), record.size());
        let more = if self.reserved.contains(&record) { 0 } else { bytes.len() };
        self.write(more)?;
        self.reserved.remove(&record);
        *self.place(record) = Some(bytes.to_vec());
        Ok(())
    }

    fn reserve(&mut self, record: Record) -> Result<(), StorageError> {
        if !self.reserved.contains(&record) {
            self.write(record.size())?;
            self.reserved.insert(record);
        }
        Ok(())
    }

    fn report(&mut self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "not printable: {line:?}");
        self.lines.push(line);
    }
}
