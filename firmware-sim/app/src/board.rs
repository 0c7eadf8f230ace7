//! What the application needs of the hardware under it, and nothing more.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use embedded_io::{ErrorKind, Read, Write};
use minipki_core::crypto::{Provider, VerifySignature};
use minipki_core::time::Now;
use rand_core::CryptoRng;

use crate::memory::IDENTITY;

/// A device's hardware, as the application sees it.
///
/// One connection is open at a time. Whatever fails by taking too long fails with
/// [`ErrorKind::TimedOut`]: that is how silence is told from a cut.
pub trait Board {
    /// The provider of cryptography: [`Portable`](minipki_core::crypto::Portable), or what the chip does faster. It also
    /// says which sizes the key of the CA may have; the firmware has no code for other sizes.
    type Crypto: Provider;
    /// Where something can be reached, an IP address and a port: `SocketAddrV4` where the board has no IPv6, which keeps
    /// IPv6's texts out of its flash.
    type Address: Copy + FromStr + fmt::Display;
    /// A TCP connection. Does not borrow the board, which goes on reporting and drawing entropy beside it.
    type Stream: Stream;
    /// The source of all keys and nonces.
    type Rng: CryptoRng;

    /// The provider that computes for the application.
    fn crypto(&self) -> Self::Crypto;

    /// Connects to `to`. The deadline holds for the stream too, until it is given another.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] after `within`, any other if it is refused sooner.
    fn connect(&mut self, to: Self::Address, within: Duration) -> Result<Self::Stream, ErrorKind>;

    /// Takes connections from now on, until `within` has passed, and returns the address. It ignores each part of `on`
    /// that the board cannot choose (often its own IP address); port 0 is any port, where the board has a choice.
    ///
    /// # Errors
    /// Why it cannot.
    fn listen(&mut self, on: Self::Address, within: Duration) -> Result<Self::Address, ErrorKind>;

    /// Waits for the next connection at the address of [`Board::listen`], whose deadline holds for the stream too, until
    /// the stream gets another one.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] past the deadline, however many connections wait; any other if it cannot listen.
    fn accept(&mut self) -> Result<Self::Stream, ErrorKind>;

    /// Randomness that nobody can guess. A board that has none left stops; it never makes some up.
    fn entropy(&mut self) -> &mut Self::Rng;

    /// What the board knows of the time by itself: a board without a clock says when its firmware was
    /// built ([`Now::AtLeast`]). The application keeps the later bound that it learns.
    fn now(&mut self) -> Now;

    /// Reads what [`Board::store`] kept last into the start of `buffer`, which has [`Record::size`] bytes, and
    /// returns its length; `None` if nothing was ever kept.
    ///
    /// # Errors
    /// [`StorageError`] if there is a record that cannot be read, or is longer. It must not be taken as missing:
    /// a new key would be stored in its place.
    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError>;

    /// Keeps `bytes`, [`Record::size`] of them, over a restart: all of them, or what was there before, wherever the power
    /// fails.
    ///
    /// # Errors
    /// [`StorageError`].
    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes sure that the next [`Board::store`] of the record finds room. Flash with two slots always has it.
    ///
    /// # Errors
    /// [`StorageError`] if it would not.
    fn reserve(&mut self, record: Record) -> Result<(), StorageError>;

    /// Shows a person one line, without its line end. Printable ASCII, never a secret.
    fn report(&mut self, line: fmt::Arguments<'_>);
}

/// The sizes that the key of a board's CA may have.
pub(crate) type Sizes<B> = <<B as Board>::Crypto as VerifySignature>::Sizes;

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
    /// The identity of the device. A private key is in it.
    Identity,
    /// The time, as far as it is known.
    Time,
}

impl Record {
    /// Its length in bytes, always the same: a record that was stored once finds room again.
    pub const fn size(self) -> usize {
        match self {
            Self::Identity => IDENTITY,
            Self::Time => 16,
        }
    }
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
