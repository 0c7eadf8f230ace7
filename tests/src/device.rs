//! A device on a board of memory: every connection plays a part that the test gives it.

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

use crate::device_others::Other;
use crate::peers::trust;
use minipki_fixtures::certificates::id;
use minipki_fixtures::rsa_keys::rng;

/// What the board of memory is told.
pub type Config<'a> = minipki_device_app::Config<'a, SocketAddr>;

/// What it is to do.
pub type Errand = minipki_device_app::Errand<SocketAddr>;

/// A device that trusts the test CA and has something to say.
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

/// To the peer, wherever it is: in memory all addresses are alike.
pub fn connect() -> Errand {
    Errand::Connect(([192, 0, 2, 2], 9101).into())
}

/// For the peer.
pub fn listen() -> Errand {
    Errand::Listen(([192, 0, 2, 2], 9101).into())
}

/// What becomes of a connection's bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage {
    /// After so many bytes to the device, nothing more comes.
    pub incoming: Option<usize>,
    /// After so many bytes from the device, it cannot send any more.
    pub outgoing: Option<usize>,
    /// Whether the end is a silence, and not a cut.
    pub silent: bool,
    /// The byte to the device at this place has this bit changed.
    pub flip: Option<(usize, u32)>,
}

/// What passed on a connection.
#[derive(Clone, Default)]
pub struct Passed {
    /// To the device, as the other side sent it.
    pub incoming: Vec<u8>,
    /// How many bytes the device sent.
    pub outgoing: usize,
}

/// A connection in memory.
pub struct TestStream {
    other: Other,
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
            passed.incoming.extend(self.other.turn(&[]));
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
            // In memory nobody is late: who has said nothing by now never will.
            0 if self.damage.silent || !(self.other.gone() || self.damage.incoming == Some(end)) => {
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
        let said = self.other.turn(&data[..n]);
        passed.incoming.extend(said);
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

/// A board of memory. Its entropy is the same in every run.
pub struct TestBoard {
    /// What its clock says.
    pub now: Now,
    /// What it has stored.
    pub identity: Option<Vec<u8>>,
    /// The same, of the time.
    pub time: Option<Vec<u8>>,
    /// How many more times its storage can be written to.
    pub writes: usize,
    /// How many bytes its storage holds.
    pub room: usize,
    /// What it has reported.
    pub lines: Vec<String>,
    /// What passed on each of its connections.
    pub passed: Vec<Rc<RefCell<Passed>>>,
    others: VecDeque<(Other, Damage)>,
    /// What is reserved of the storage.
    reserved: BTreeMap<usize, usize>,
    rng: ChaCha20Rng,
    open: Rc<RefCell<usize>>,
}

impl TestBoard {
    /// A new board, at that time.
    pub fn new(now: Now) -> Self {
        Self {
            now,
            identity: None,
            time: None,
            writes: usize::MAX,
            room: usize::MAX,
            lines: Vec::new(),
            passed: Vec::new(),
            others: VecDeque::new(),
            reserved: BTreeMap::new(),
            rng: rng(77),
            open: Rc::default(),
        }
    }

    /// Its next connection is to `other`; after the last one nobody is there.
    #[must_use]
    pub fn meets(self, other: Other) -> Self {
        self.meets_with(other, Damage::default())
    }

    /// The same, over a line with that damage.
    #[must_use]
    pub fn meets_with(mut self, other: Other, damage: Damage) -> Self {
        self.others.push_back((other, damage));
        self
    }

    /// The same board after a restart: what it stored is still there.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self { identity: self.identity.clone(), time: self.time.clone(), ..Self::new(self.now) }
    }

    /// Its entropy is another one.
    #[must_use]
    pub fn with_entropy(mut self, seed: u64) -> Self {
        self.rng = rng(seed);
        self
    }

    /// The private key that it has stored.
    pub fn key(&self) -> Option<&[u8]> {
        self.identity.as_ref()?.get(..32)
    }

    /// The certificate that it has stored.
    pub fn certificate(&self) -> Option<&[u8]> {
        let text = self.identity.as_ref()?.get(64..)?.split(|byte| *byte == 0).next()?;
        (!text.is_empty()).then_some(text)
    }

    /// Whether a write succeeds after which the storage holds so many bytes more.
    fn write(&mut self, more: usize) -> Result<(), StorageError> {
        let kept = [&self.identity, &self.time].into_iter().flatten().map(Vec::len);
        let used = kept.chain(self.reserved.values().copied()).sum::<usize>();
        self.writes = self.writes.checked_sub(1).ok_or(StorageError)?;
        if used + more <= self.room { Ok(()) } else { Err(StorageError) }
    }

    /// Runs the application on it. Whatever happens, no connection is left open, no secret in the
    /// memory, and the last line says how it ended.
    pub fn run(&mut self, config: &Config<'_>) -> Exit {
        let exit = run(config, &mut Memory::new(), self);
        assert_eq!(*self.open.borrow(), 0, "every connection was closed");
        assert_eq!(self.lines.last(), Some(&format!("exit {}: {exit}", exit.code())));
        exit
    }

    /// Whether a line of the report contains `text`.
    pub fn said(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    fn next(&mut self) -> Result<TestStream, ErrorKind> {
        let (other, damage) = self.others.pop_front().ok_or(ErrorKind::ConnectionRefused)?;
        let passed = Rc::<RefCell<Passed>>::default();
        self.passed.push(Rc::clone(&passed));
        *self.open.borrow_mut() += 1;
        Ok(TestStream { other, damage, read: 0, passed, open: Rc::clone(&self.open) })
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

    /// The old record stays until the new one is whole, as in files.
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
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "fit for a terminal: {line:?}");
        self.lines.push(line);
    }
}
