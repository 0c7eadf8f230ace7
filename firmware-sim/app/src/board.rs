//! What the application needs of the hardware under it, and nothing more.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use embedded_io::{ErrorKind, Read, Write};
use minipki_core::crypto::Provider;
use minipki_core::text::Now;
use rand_core::CryptoRng;

/// A device's hardware, as the application sees it.
///
/// One connection is open at a time. Whatever fails by taking too long fails with
/// [`ErrorKind::TimedOut`]: that is how silence is told from a cut.
pub trait Board {
    /// Who computes: [`Portable`](minipki_core::crypto::Portable), or what the chip does faster.
    type Crypto: Provider;
    /// Where something can be reached, an IP address and a port: `SocketAddrV4` where the board has no IPv6, which keeps
    /// IPv6's texts out of its flash.
    type Address: Copy + FromStr + fmt::Display;
    /// A TCP connection. Does not borrow the board, which goes on reporting and drawing entropy beside it.
    type Stream: Stream;
    /// The source of all keys and nonces.
    type Rng: CryptoRng;

    /// Connects to `to`. The deadline holds for the stream too, until it is given another.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] after `within`, any other if it is refused sooner.
    fn connect(&mut self, to: Self::Address, within: Duration) -> Result<Self::Stream, ErrorKind>;

    /// Takes connections from now on, and says where. What the board cannot choose of `on` (its
    /// own IP address, often) it passes over; port 0 is any port, where the board has a choice.
    ///
    /// # Errors
    /// Why it cannot.
    fn listen(&mut self, on: Self::Address) -> Result<Self::Address, ErrorKind>;

    /// Waits for the next connection to where [`Board::listen`] took them. The deadline holds
    /// for the stream too, until it is given another.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if nobody came within `within`, any other if it cannot listen.
    fn accept(&mut self, within: Duration) -> Result<Self::Stream, ErrorKind>;

    /// Randomness that nobody can guess. A board that has none left stops; it never makes some up.
    fn entropy(&mut self) -> &mut Self::Rng;

    /// What the board knows of the time by itself: a board without a clock says when its firmware was
    /// built ([`Now::AtLeast`]). The application keeps the later bound that it learns.
    fn now(&mut self) -> Now;

    /// Reads what [`Board::store`] kept last into the start of `buffer`, and returns its length;
    /// `None` if there is nothing, or more than `buffer` holds.
    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Option<usize>;

    /// Keeps `bytes` over a restart: all of them, or what was there before.
    ///
    /// # Errors
    /// [`StorageError`].
    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError>;

    /// Shows a person one line, without its line end. Printable ASCII, never a secret.
    fn report(&mut self, line: fmt::Arguments<'_>);
}

/// A connection whose every operation ends by a deadline.
///
/// Past it `read`, `write` and `flush` fail with [`ErrorKind::TimedOut`], however
/// busy the other side keeps them: bytes that drip in gain no time.
pub trait Stream: Read + Write {
    /// Moves the deadline to this long from now.
    fn set_deadline(&mut self, within: Duration);

    /// Sends what is still to be sent, ends the stream, and lingers for a moment so that the other side
    /// hears it all. Also called on a stream that has failed.
    fn close(self);
}

/// What outlives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Who the device is: at most [`IDENTITY`](crate::IDENTITY) bytes, a private key among them.
    Identity,
    /// The earliest that it can be: 8 bytes.
    Time,
}

/// The storage did not keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageError;

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the board's storage did not keep the record")
    }
}

impl core::error::Error for StorageError {}
