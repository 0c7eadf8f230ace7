//! The budget of a validation: its work has a limit that does not depend on the input.

use super::{Limit, PathError};
use crate::limits::X509_PATH;

/// The work that a validation may do.
///
/// A peer chooses the certificates that it sends. Without limits, few of them can demand hours of work: cross-signed
/// certificates have many paths, and long lists of names meet long lists of constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Signatures to verify.
    pub signatures: u32,
    /// Comparisons of two names, of a name with a constraint, or of two policies. Each 32 bytes of a compared name, and of
    /// a certificate whose extensions are read, count as one more.
    pub comparisons: u32,
    /// Certificates in a path, the trust anchor not counted. Values above [`X509_PATH`] have the effect of this one.
    pub depth: usize,
}

/// Bytes whose reading costs as much as a comparison.
const BYTES_PER_COMPARISON: usize = 32;

impl Budget {
    /// Enough for the certificates of any server on the web, with room for cross-signed ones.
    pub const DEFAULT: Self = Self { signatures: 32, comparisons: 100_000, depth: X509_PATH };

    pub(super) const fn spend_signature(&mut self) -> Result<(), PathError> {
        match self.signatures.checked_sub(1) {
            Some(rest) => {
                self.signatures = rest;
                Ok(())
            }
            None => Err(PathError::Budget(Limit::Signatures)),
        }
    }

    /// Spends a comparison that reads `bytes` bytes.
    pub(super) const fn spend_reading(&mut self, bytes: usize) -> Result<(), PathError> {
        self.spend_comparisons((bytes / BYTES_PER_COMPARISON).saturating_add(1))
    }

    pub(super) const fn spend_comparisons(&mut self, count: usize) -> Result<(), PathError> {
        let count = if count > u32::MAX as usize { u32::MAX } else { count as u32 };
        match self.comparisons.checked_sub(count) {
            Some(rest) => {
                self.comparisons = rest;
                Ok(())
            }
            None => Err(PathError::Budget(Limit::Comparisons)),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::DEFAULT
    }
}
