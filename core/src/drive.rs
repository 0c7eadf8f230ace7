//! The blocking driver: a link over anything that reads and writes.

use core::fmt;

use embedded_io::{Read, Write};

use crate::link::{Link, Want};
use crate::session::{Fault, Machine};

/// Why driving stopped short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DriveError<E> {
    /// The stream failed.
    Io(E),
    /// A message failed a check; the link may still be driven on.
    Fault(Fault),
}

impl<E: fmt::Debug> fmt::Display for DriveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection failed: {error:?}"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for DriveError<E> {}

impl<E> From<Fault> for DriveError<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Moves bytes until the application has something to do ([`Want::Deliver`]) or
/// the machine has ended ([`Want::Finished`]).
///
/// # Errors
/// [`DriveError`].
pub fn drive<M: Machine, S: Read + Write>(
    link: &mut Link<'_, M>,
    stream: &mut S,
) -> Result<Want, DriveError<S::Error>> {
    loop {
        match link.want()? {
            Want::Send => {
                // `embedded-io` writes nothing only of nothing, so this gets on.
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
