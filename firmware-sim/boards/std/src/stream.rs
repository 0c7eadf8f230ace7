//! A TCP stream whose operations all end by one deadline.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use minipki_device_app::Stream;

/// How long the other side may take over our last word.
const LINGER: Duration = Duration::from_millis(200);

/// How much of what it still sends is thrown away for it.
const ALLOWANCE: usize = 64 * 1024;

/// A [`TcpStream`] with a deadline.
#[derive(Debug)]
pub struct StdStream {
    socket: TcpStream,
    /// `None` is later than the machine's clock can say.
    deadline: Option<Instant>,
}

impl StdStream {
    /// Takes the stream over, with that deadline.
    ///
    /// # Errors
    /// The operating system's.
    pub fn new(socket: TcpStream, deadline: Option<Instant>) -> io::Result<Self> {
        // Each message waits for an answer to it: none is to wait for another to fill a segment.
        socket.set_nodelay(true)?;
        // One that was accepted may have taken it over from its listener.
        socket.set_nonblocking(false)?;
        Ok(Self { socket, deadline })
    }

    /// What is left until the deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retry(|| {
            self.socket.set_read_timeout(self.left()?)?;
            self.socket.read(buffer)
        })
    }

    fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        retry(|| {
            self.socket.set_write_timeout(self.left()?)?;
            self.socket.write(data)
        })
    }
}

/// Tries until it is not a signal that ended it.
fn retry(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The operating system's word for a timeout is `WouldBlock` on some systems.
pub(crate) fn kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::WouldBlock => ErrorKind::TimedOut,
        kind => kind.into(),
    }
}

impl ErrorType for StdStream {
    type Error = ErrorKind;
}

impl Read for StdStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.receive(buffer).map_err(|error| kind(&error))
    }
}

impl Write for StdStream {
    fn write(&mut self, data: &[u8]) -> Result<usize, ErrorKind> {
        match self.send(data) {
            Ok(0) if !data.is_empty() => Err(ErrorKind::WriteZero),
            sent => sent.map_err(|error| kind(&error)),
        }
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Stream for StdStream {
    fn set_deadline(&mut self, within: Duration) {
        self.deadline = Instant::now().checked_add(within);
    }

    /// Closing a socket that holds unread bytes resets the connection, and a reset destroys what the
    /// other side has not read yet; so what it still sends is read away first, within bounds.
    fn close(mut self) {
        self.set_deadline(LINGER);
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let (mut scratch, mut read) = ([0; 1024], 0);
        while read < ALLOWANCE {
            match self.receive(&mut scratch) {
                Ok(0) | Err(_) => return,
                Ok(n) => read += n,
            }
        }
    }
}
