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

/// The interval at which a listening socket is polled: std has no `accept` with a deadline.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The source of the board's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timekeeping {
    /// The machine's clock.
    #[default]
    Clock,
    /// No clock: the time is [`MADE`] or later.
    None,
    /// A clock that stands still.
    Fixed(UnixTime),
}

/// A PC as a device.
pub struct StdBoard<'r> {
    /// The listening socket and its deadline; `None` is later than any time of the machine's clock.
    listener: Option<(TcpListener, Option<Instant>)>,
    rng: UnwrapErr<SysRng>,
    time: Timekeeping,
    storage: Storage,
    report: Box<dyn FnMut(fmt::Arguments<'_>) + Send + 'r>,
}

impl<'r> StdBoard<'r> {
    /// Makes a board. `report` gets each line.
    pub fn new(
        time: Timekeeping,
        storage: Storage,
        report: impl FnMut(fmt::Arguments<'_>) + Send + 'r,
    ) -> Self {
        // UnwrapErr stops the device if there are no random numbers.
        Self { listener: None, rng: UnwrapErr(SysRng), time, storage, report: Box::new(report) }
    }

    fn bind(&mut self, on: SocketAddr, within: Duration) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(on)?;
        listener.set_nonblocking(true)?;
        let at = listener.local_addr()?;
        self.listener = Some((listener, Instant::now().checked_add(within)));
        Ok(at)
    }

    /// Reports the text of a storage error. The application gets a [`StorageError`] without the text.
    fn report_error<T>(&mut self, result: Result<T, String>) -> Result<T, StorageError> {
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(POLL_INTERVAL),
                // The connection has ended already. This is not an error of the listener.
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
            Timekeeping::Fixed(now) => Now::Exact(now),
            // A clock before 1970 or after 9999 is not set.
            Timekeeping::Clock => clock().map_or(Now::AtLeast(MADE), Now::Exact),
        }
    }

    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError> {
        let loaded = self.storage.load(record, buffer);
        self.report_error(loaded)
    }

    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError> {
        let stored = self.storage.store(record, bytes);
        self.report_error(stored)
    }

    fn reserve(&mut self, record: Record) -> Result<(), StorageError> {
        let reserved = self.storage.reserve(record);
        self.report_error(reserved)
    }

    fn report(&mut self, line: fmt::Arguments<'_>) {
        (self.report)(line);
    }
}
