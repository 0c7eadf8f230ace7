//! The hardware that the application needs, as a trait.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use embedded_io::{ErrorKind, Read, Write};
use minipki_core::crypto::{Provider, VerifySignature};
use minipki_core::limits::{CERTIFICATE, FORMER_KEYS, KEY, STATUS};
use minipki_core::time::Now;
use rand_core::CryptoRng;

/// A device's hardware.
///
/// One connection is open at a time. An operation that takes too long fails with [`ErrorKind::TimedOut`], which
/// distinguishes a silent peer from a cut connection.
pub trait Board {
    /// The provider of cryptography: [`Portable`](minipki_core::crypto::Portable), or a faster provider of the chip. It
    /// also sets the sizes that the key of the CA may have. The firmware has no code for other sizes.
    type Crypto: Provider;
    /// An IP address and a port. `SocketAddrV4` on a board without IPv6 keeps the texts of IPv6 out of its flash.
    type Address: Copy + FromStr + fmt::Display;
    /// A TCP connection. It does not borrow the board, which is used at the same time for reports and entropy.
    type Stream: Stream;
    /// The source of all keys and nonces.
    type Rng: CryptoRng;

    /// The provider of the application.
    fn crypto(&self) -> Self::Crypto;

    /// Connects to `to`. The stream keeps the deadline until it gets another one.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] after `within`; another error if the connection is refused sooner.
    fn connect(&mut self, to: Self::Address, within: Duration) -> Result<Self::Stream, ErrorKind>;

    /// Accepts connections from now on, until `within` has passed, and returns the address. The board ignores a part of
    /// `on` that it cannot choose, often its own IP address. Port 0 is any port, if the board has a choice.
    ///
    /// # Errors
    /// The reason why the board cannot listen.
    fn listen(&mut self, on: Self::Address, within: Duration) -> Result<Self::Address, ErrorKind>;

    /// Waits for the next connection at the address of [`Board::listen`]. The stream keeps that deadline until it gets
    /// another one.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] after the deadline, even if connections wait; another error if the board cannot listen.
    fn accept(&mut self) -> Result<Self::Stream, ErrorKind>;

    /// Randomness that nobody can guess. A board without more randomness stops.
    fn entropy(&mut self) -> &mut Self::Rng;

    /// The time by the board's own clock. A board without a clock returns the time when its firmware was built
    /// ([`Now::AtLeast`]). The application keeps a later bound that it learns.
    fn now(&mut self) -> Now;

    /// Reads the record that was stored last into the start of `buffer`, which has [`Record::size`] bytes, and returns
    /// its length; `None` if it was never stored.
    ///
    /// # Errors
    /// [`StorageError`] if the record cannot be read or is too long. It must not count as missing, since a new key
    /// would replace it.
    fn load(&mut self, record: Record, buffer: &mut [u8]) -> Result<Option<usize>, StorageError>;

    /// Keeps `bytes`, [`Record::size`] of them, over a restart. After a power failure the record is the new one or the
    /// old one, as a whole.
    ///
    /// # Errors
    /// [`StorageError`].
    fn store(&mut self, record: Record, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes sure that the next [`Board::store`] of the record has room. Flash with two slots always has it.
    ///
    /// # Errors
    /// [`StorageError`] if there is no room.
    fn reserve(&mut self, record: Record) -> Result<(), StorageError>;

    /// Shows one line to a person, without its line end. It is printable ASCII, never a secret.
    fn report(&mut self, line: fmt::Arguments<'_>);
}

/// The sizes that the key of a board's CA may have.
pub(crate) type Sizes<B> = <<B as Board>::Crypto as VerifySignature>::Sizes;

/// A connection whose operations all end by a deadline.
///
/// After the deadline `read`, `write` and `flush` fail with [`ErrorKind::TimedOut`], even if bytes arrive slowly.
pub trait Stream: Read + Write {
    /// Sets the deadline to `within` from now.
    fn set_deadline(&mut self, within: Duration);

    /// Sends the remaining bytes, ends the stream, and waits a short time so that the other side receives everything.
    /// Also called on a stream that has failed.
    fn close(self);
}

/// The length of [`Record::Identity`] in bytes: a private key, its public key, and room for the longest certificate.
pub const IDENTITY: usize = KEY + KEY + CERTIFICATE;

/// A record that is kept over a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// The identity of the device. A private key is in it.
    Identity,
    /// The new key of a renewal that has not ended. A private key is in it.
    Renewal,
    /// The status of the device's certificate that came last.
    Status,
    /// The highest revocation number of the CA that was seen.
    Number,
    /// The present key of the CA after a change, and its former keys.
    Anchor,
    /// The time, as far as it is known.
    Time,
}

impl Record {
    /// The length in bytes, a multiple of 16. It is always the same, so that a record that was stored once has room again.
    pub const fn size(self) -> usize {
        match self {
            Self::Identity => IDENTITY,
            Self::Renewal => KEY + KEY + 16,
            Self::Status => STATUS,
            Self::Number => KEY + 16,
            Self::Anchor => KEY + KEY + FORMER_KEYS * (KEY + 8),
            Self::Time => 32,
        }
    }

    /// The name, for a board that keeps its records in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Renewal => "renewal",
            Self::Status => "status",
            Self::Number => "number",
            Self::Anchor => "anchor",
            Self::Time => "time",
        }
    }
}

/// The storage did not keep a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageError;

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the board's storage did not keep the record")
    }
}

impl core::error::Error for StorageError {}
