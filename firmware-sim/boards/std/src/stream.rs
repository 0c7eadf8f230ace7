//! A TCP stream whose operations all end by one deadline.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use minipki_device_app::Stream;

/// The time for the other side to receive the last bytes.
const LINGER: Duration = Duration::from_millis(200);

/// The greatest number of bytes that are discarded during this time.
const MAX_DISCARDED: usize = 64 * 1024;

/// A [`TcpStream`] with a deadline.
#[derive(Debug)]
pub struct StdStream {
    socket: TcpStream,
    /// `None` is later than any time of the machine's clock.
    deadline: Option<Instant>,
}

impl StdStream {
    /// Takes the stream over, with a deadline.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn new(socket: TcpStream, deadline: Option<Instant>) -> io::Result<Self> {
        // Each message waits for its answer, so it must be sent at once.
        socket.set_nodelay(true)?;
        // An accepted socket may have inherited this from its listener.
        socket.set_nonblocking(false)?;
        Ok(Self { socket, deadline })
    }

    /// The time until the deadline.
    fn remaining(&self) -> io::Result<Option<Duration>> {
        match self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
            remaining => Ok(remaining),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retry(|| {
            self.socket.set_read_timeout(self.remaining()?)?;
            self.socket.read(buffer)
        })
    }

    fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        retry(|| {
            self.socket.set_write_timeout(self.remaining()?)?;
            self.socket.write(data)
        })
    }
}

/// Repeats an attempt that a signal has interrupted.
fn retry(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The kind of an error. On some systems a timeout is `WouldBlock`.
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

    /// Closing a socket with unread bytes resets the connection, and a reset destroys bytes that the other side has not
    /// read yet. So the remaining bytes of the other side are read and discarded first, within limits.
    fn close(mut self) {
        self.set_deadline(LINGER);
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let (mut scratch, mut read) = ([0; 1024], 0);
        while read < MAX_DISCARDED {
            match self.receive(&mut scratch) {
                Ok(0) | Err(_) => return,
                Ok(n) => read += n,
            }
        }
    }
}
