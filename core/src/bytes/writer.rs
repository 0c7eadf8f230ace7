//! A writer into a lent buffer, checked once at the end.

use core::fmt;

/// The lent buffer is too small for what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer lent for the output is too small")
    }
}

impl core::error::Error for Full {}

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
            rest.get_mut(..data.len()).ok_or(Full)?.copy_from_slice(data);
            Ok::<_, Full>(data.len())
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
    /// [`Full`] if any write did not fit.
    pub fn finish(self) -> Result<&'o mut [u8], Full> {
        let len = self.len.ok_or(Full)?;
        self.out.get_mut(..len).ok_or(Full)
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        self.len.map(drop).ok_or(fmt::Error)
    }
}
