//! The board: sockets, clock, entropy and files of the operating system.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use embedded_io::ErrorKind;
use getrandom::SysRng;
use minipki_core::crypto::Portable;
use minipki_core::time::{Now, UnixTime};
use minipki_device_app::{Board, MADE, Record, StorageError};
use rand_core::UnwrapErr;

use crate::storage::Storage;
use crate::stream::{StdStream, kind};

/// How often a listening socket is looked at: std has no `accept` with a deadline.
const GLANCE: Duration = Duration::from_millis(2);

/// What the board knows of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timekeeping {
    /// The machine's clock.
    #[default]
    Clock,
    /// No clock: it is [`MADE`] or later.
    None,
}

/// A PC as a device.
pub struct StdBoard<'r> {
    /// With the deadline; `None` is later than the machine's clock can count.
    listener: Option<(TcpListener, Option<Instant>)>,
    rng: UnwrapErr<SysRng>,
    time: Timekeeping,
    storage: Storage,
    report: Box<dyn FnMut(fmt::Arguments<'_>) + Send + 'r>,
}

impl<'r> StdBoard<'r> {
    /// Puts one together; `report` gets each line.
    pub fn new(
        time: Timekeeping,
        storage: Storage,
        report: impl FnMut(fmt::Arguments<'_>) + Send + 'r,
    ) -> Self {
        // A machine without random numbers has no way on; UnwrapErr stops it there.
        Self { listener: None, rng: UnwrapErr(SysRng), time, storage, report: Box::new(report) }
    }

    fn bind(&mut self, on: SocketAddr, within: Duration) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(on)?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        self.listener = Some((listener, Instant::now().checked_add(within)));
        Ok(at)
    }

    /// Reports an error of the storage in words. The application sees only that there was one.
    fn told<T>(&mut self, result: Result<T, String>) -> Result<T, StorageError> {
        result.map_err(|error| {
            self.report(format_args!("storage: {error}"));
            StorageError
        })
    }
}

impl Board for StdBoard<'_> {
    type Crypto = Portable;
    type Address = SocketAddr;
    type Stream = StdStream;
    type Rng = UnwrapErr<SysRng>;

    fn crypto(&self) -> Portable {
        Portable::new()
    }

    fn connect(&mut self, to: SocketAddr, within: Duration) -> Result<StdStream, ErrorKind> {
        TcpStream::connect_timeout(&to, within)
            .and_then(|socket| StdStream::new(socket, Instant::now().checked_add(within)))
            .map_err(|error| kind(&error))
    }

    fn listen(&mut self, on: SocketAddr, within: Duration) -> Result<SocketAddr, ErrorKind> {
        self.bind(on, within).map_err(|error| kind(&error))
    }

    fn accept(&mut self) -> Result<StdStream, ErrorKind> {
        let (listener, until) = self.listener.as_ref().ok_or(ErrorKind::NotConnected)?;
        loop {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(ErrorKind::TimedOut);
            }
            match listener.accept() {
                Ok((socket, _)) => {
                    return StdStream::new(socket, *until).map_err(|error| kind(&error));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(GLANCE),
                // The connection is gone already. The listener is not at fault.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(kind(&error)),
            }
        }
    }

    fn entropy(&mut self) -> &mut Self::Rng {
        &mut self.rng
    }

    fn now(&mut self) -> Now {
        let clock = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
            UnixTime::new(since.as_secs()).ok()
        };
        match self.time {
            Timekeeping::None => Now::AtLeast(MADE),
            // A clock before 1970 or after 9999 is not set.
            Timekeeping::Clock => clock().map_or(Now::AtLeast(MADE), Now::Exact),
        }
    }

    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError> {
        let loaded = self.storage.load(record, buffer);
        self.told(loaded)
    }

    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        let stored = self.storage.store(record, bytes);
        self.told(stored)
    }

    fn reserve(&mut self, record: Record) -> Result<(), StorageError> {
        let reserved = self.storage.reserve(record);
        self.told(reserved)
    }

    fn report(&mut self, line: fmt::Arguments<'_>) {
        (self.report)(line);
    }
}
