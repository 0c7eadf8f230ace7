//! The drivers: a link over anything that reads and writes, blocking or async.

use core::fmt;

use embedded_io::{Read, Write};

use crate::link::{Framing, LinkOver, Machine, Observer, Want};
use crate::session;

/// The reason why a driver has stopped. `E` is the stream's error, `M` the machine's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DriveError<E, M = session::Error> {
    /// The stream failed.
    Io(E),
    /// A check failed. The driver may be called again.
    Session(M),
}

impl<E: fmt::Debug, M: fmt::Display> fmt::Display for DriveError<E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error:?}"),
            Self::Session(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug, M: fmt::Debug + fmt::Display> core::error::Error for DriveError<E, M> {}

impl<E, M> From<M> for DriveError<E, M> {
    fn from(error: M) -> Self {
        Self::Session(error)
    }
}

/// Moves bytes until the application has something to do ([`Want::Deliver`]) or
/// the machine has ended ([`Want::Finished`]).
///
/// # Errors
/// [`DriveError`].
pub fn drive<B, M, O, F, S>(
    link: &mut LinkOver<B, M, O, F>,
    stream: &mut S,
) -> Result<Want, DriveError<S::Error, M::Error>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    M: Machine<Error: From<F::Error>>,
    O: Observer,
    F: Framing,
    S: Read + Write,
{
    loop {
        match link.want()? {
            Want::Send => {
                // `embedded-io` writes 0 bytes only of an empty slice, so the loop makes progress.
                let n = stream.write(link.to_send()).map_err(DriveError::Io)?;
                link.sent(n);
                if link.to_send().is_empty() {
                    stream.flush().map_err(DriveError::Io)?;
                }
            }
            Want::Receive => {
                let n = stream.read(link.space()).map_err(DriveError::Io)?;
                link.received(n);
            }
            done => return Ok(done),
        }
    }
}

/// The same as [`drive`], over a stream of `embedded-io-async`.
///
/// The future may be dropped while it waits, if the stream's `read`, `write` and `flush` futures lose no byte then. The
/// link keeps its position, and the next call continues there. So a deadline is a timer beside this future.
///
/// # Errors
/// [`DriveError`].
#[cfg(feature = "async")]
pub async fn drive_async<B, M, O, F, S>(
    link: &mut LinkOver<B, M, O, F>,
    stream: &mut S,
) -> Result<Want, DriveError<S::Error, M::Error>>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    M: Machine<Error: From<F::Error>>,
    O: Observer,
    F: Framing,
    S: embedded_io_async::Read + embedded_io_async::Write,
{
    loop {
        match link.want()? {
            Want::Send => {
                let n = stream.write(link.to_send()).await.map_err(DriveError::Io)?;
                link.sent(n);
                if link.to_send().is_empty() {
                    stream.flush().await.map_err(DriveError::Io)?;
                }
            }
            Want::Receive => {
                let n = stream.read(link.space()).await.map_err(DriveError::Io)?;
                link.received(n);
            }
            done => return Ok(done),
        }
    }
}
