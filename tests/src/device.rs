//! A device on a board in memory. The test supplies the remote of every connection.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use minipki_core::crypto::Portable;
use minipki_core::time::Now;
use minipki_device_app::{Board, Exit, Memory, Record, StorageError, Stream, Text, run};
use rand_chacha::ChaCha20Rng;

use crate::device_remotes::Remote;
use crate::peers::trust;
use minipki_fixtures::certificates::id;
use minipki_fixtures::rsa_keys::rng;

/// The configuration of a device in memory.
pub type Config<'a> = minipki_device_app::Config<'a, SocketAddr>;

/// The task of a device in memory.
pub type Errand = minipki_device_app::Errand<SocketAddr>;

/// The configuration of a device that trusts the test CA and sends a text.
pub fn config(errand: Errand) -> Config<'static> {
    Config {
        ca: ([192, 0, 2, 1], 9000).into(),
        fingerprint: trust().fingerprint(),
        subject: id("device"),
        token: None,
        errand,
        peer: None,
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
    remotes: VecDeque<(Remote, Damage)>,
    /// The reserved part of the storage.
    reserved: BTreeMap<usize, usize>,
    rng: ChaCha20Rng,
    open: Rc<RefCell<usize>>,
}

impl TestBoard {
    /// A new board whose clock shows `now`.
    pub fn new(now: Now) -> Self {
        Self {
            now,
            identity: None,
            time: None,
            writes: usize::MAX,
            room: usize::MAX,
            lines: Vec::new(),
            passed: Vec::new(),
            remotes: VecDeque::new(),
            reserved: BTreeMap::new(),
            rng: rng(77),
            open: Rc::default(),
        }
    }

    /// Sets the remote of the next connection. Without a further remote, connections fail.
    #[must_use]
    pub fn with_remote(self, remote: Remote) -> Self {
        self.with_damaged_remote(remote, Damage::default())
    }

    /// Sets the remote of the next connection, which has this damage.
    #[must_use]
    pub fn with_damaged_remote(mut self, remote: Remote, damage: Damage) -> Self {
        self.remotes.push_back((remote, damage));
        self
    }

    /// The board after a restart. It keeps its storage.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self { identity: self.identity.clone(), time: self.time.clone(), ..Self::new(self.now) }
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

    /// The stored certificate.
    pub fn certificate(&self) -> Option<&[u8]> {
        let text = self.identity.as_ref()?.get(64..)?.split(|byte| *byte == 0).next()?;
        (!text.is_empty()).then_some(text)
    }

    /// Counts a write that adds `more` bytes to the storage, and fails if there is no room.
    fn write(&mut self, more: usize) -> Result<(), StorageError> {
        let kept = [&self.identity, &self.time].into_iter().flatten().map(Vec::len);
        let used = kept.chain(self.reserved.values().copied()).sum::<usize>();
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

    fn next(&mut self) -> Result<TestStream, ErrorKind> {
        let (remote, damage) = self.remotes.pop_front().ok_or(ErrorKind::ConnectionRefused)?;
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

    fn connect(&mut self, _: SocketAddr, _: Duration) -> Result<TestStream, ErrorKind> {
        self.next()
    }

    fn listen(&mut self, on: SocketAddr, _: Duration) -> Result<SocketAddr, ErrorKind> {
        Ok(on)
    }

    fn accept(&mut self) -> Result<TestStream, ErrorKind> {
        self.next().map_err(|_| ErrorKind::TimedOut)
    }

    fn entropy(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }

    fn now(&mut self) -> Now {
        self.now
    }

    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError> {
        let stored = match record {
            Record::Identity => self.identity.as_deref(),
            Record::Time => self.time.as_deref(),
        };
        let Some(stored) = stored else { return Ok(None) };
        buffer.get_mut(..stored.len()).ok_or(StorageError)?.copy_from_slice(stored);
        Ok(Some(stored.len()))
    }

    /// Replaces the record in one step, as with files.
    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        assert_eq!(bytes.len(), record.size());
        let reserved = self.reserved.contains_key(&bytes.len());
        self.write(if reserved { 0 } else { bytes.len() })?;
        self.reserved.remove(&bytes.len());
        let place = match record {
            Record::Identity => &mut self.identity,
            Record::Time => &mut self.time,
        };
        *place = Some(bytes.to_vec());
        Ok(())
    }

    fn reserve(&mut self, record: Record) -> Result<(), StorageError> {
        let size = record.size();
        if !self.reserved.contains_key(&size) {
            self.write(size)?;
            self.reserved.insert(size, size);
        }
        Ok(())
    }

    fn report(&mut self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "not printable: {line:?}");
        self.lines.push(line);
    }
}
