//! Bytes in lent buffers and secret bytes: [`Writer`] writes into a buffer of the caller, [`Secret`] wipes itself,
//! and [`declassify`] makes a decision over secrets public.

use core::fmt;
use core::hint::black_box;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The lent buffer is too small for what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BufferTooSmall;

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer lent for the output is too small")
    }
}

impl core::error::Error for BufferTooSmall {}

/// Appends to a lent buffer. The first write that does not fit makes the
/// writer fail for good, so a chain of writes needs one check, in [`Writer::finish`].
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut [u8],
    /// Bytes written so far, or `None` once something did not fit.
    len: Option<usize>,
}

impl<'o> Writer<'o> {
    /// Starts at the beginning of `out`.
    pub const fn new(out: &'o mut [u8]) -> Self {
        Self { out, len: Some(0) }
    }

    /// Appends `data`.
    pub fn put(&mut self, data: &[u8]) -> &mut Self {
        self.fill(|rest| {
            rest.get_mut(..data.len()).ok_or(BufferTooSmall)?.copy_from_slice(data);
            Ok::<_, BufferTooSmall>(data.len())
        })
    }

    /// Lets `write` fill the space that is left and say how many bytes it used.
    pub fn fill<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> &mut Self {
        self.len = self.len.and_then(|at| {
            let rest = self.out.get_mut(at..)?;
            let room = rest.len();
            let used = write(rest).ok()?;
            (used <= room).then(|| at.checked_add(used))?
        });
        self
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// [`BufferTooSmall`] if any write did not fit.
    pub fn finish(self) -> Result<&'o mut [u8], BufferTooSmall> {
        let len = self.len.ok_or(BufferTooSmall)?;
        self.out.get_mut(..len).ok_or(BufferTooSmall)
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        self.len.map(drop).ok_or(fmt::Error)
    }
}

/// `N` secret bytes: a private key, a shared secret or a derived key.
///
/// Cloning makes a second copy that wipes itself just the same.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over; the caller wipes what it still holds.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// All zeros, to be filled in place.
    pub const fn zeroed() -> Self {
        Self([0; N])
    }

    /// The bytes, for the computation that needs them.
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The bytes, to be written in place.
    pub const fn expose_mut(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> ConstantTimeEq for Secret<N> {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>")
    }
}

/// A decision over secrets that the program acts on openly, and the reason why it may.
///
/// The list is complete: `cargo xtask constant-time` reports every other branch on a secret, and every address.
#[derive(Clone, Copy, Debug)]
pub enum Public {
    /// Whether the parts of a private key fit each other. It is so for every key that is ever used; any other is
    /// refused when it is read, and has nothing to hide.
    KeyIsSound,
    /// Whether a result of the private operation gives its input back. It is so unless the machine is faulty, and
    /// then the result is withheld.
    ResultIsRight,
    /// Whether a shared secret is all zeros. The peer's public key alone decides that (RFC 7748 §6.1).
    SharedIsZero,
    /// Whether a proof of possession is the right one: the answer to the peer says it.
    ProofIsRight,
}

/// Makes `choice` public, for the reason that is named.
///
/// Only this function uses a secret as an address. Memcheck is told to accept it here, and takes what comes
/// out for public.
#[inline(never)]
pub fn declassify(choice: Choice, _reason: Public) -> bool {
    black_box(&[false, true]).get(usize::from(choice.unwrap_u8())).copied().unwrap_or_default()
}
