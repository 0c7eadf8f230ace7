//! Bytes in lent buffers and secret bytes: [`Writer`] writes into a buffer of the caller, [`Secret`] wipes itself,
//! and [`declassify`] makes a decision over secrets public.

use core::fmt;
use core::hint::black_box;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The lent buffer is too small for the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BufferTooSmall;

impl fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer lent for the output is too small")
    }
}

impl core::error::Error for BufferTooSmall {}

/// Appends to a lent buffer. After a write that does not fit, all writes fail. So a chain of writes needs one check, in
/// [`Writer::finish`].
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut [u8],
    /// The number of bytes written, or `None` after a write that did not fit.
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

    /// Calls `write` with the remaining space. `write` returns the number of bytes that it has used.
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
/// A clone is a second copy, which wipes itself too.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over. The caller wipes its own copy.
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

/// A decision over secrets that may become public, with the reason.
///
/// The list is complete: `cargo xtask constant-time` reports every other branch or address that depends on a secret.
#[derive(Clone, Copy, Debug)]
pub enum Public {
    /// Whether the parts of a private key fit each other. A key whose parts do not fit is refused when it is read.
    KeyIsSound,
    /// Whether the public operation turns a signature back into its input. A wrong signature is withheld.
    ResultIsRight,
    /// Whether a shared secret is all zeros. The peer's public key alone decides that (RFC 7748 §6.1).
    SharedIsZero,
    /// Whether a proof of possession is right. The response to the peer shows it.
    ProofIsRight,
}

/// Makes `choice` public, for the given reason.
///
/// Only this function uses a secret as an address. Memcheck accepts that here, and treats the result as public.
#[inline(never)]
pub fn declassify(choice: Choice, _reason: Public) -> bool {
    black_box(&[false, true]).get(usize::from(choice.unwrap_u8())).copied().unwrap_or_default()
}
