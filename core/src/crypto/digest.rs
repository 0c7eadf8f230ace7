//! The hash functions of signatures: SHA-256, SHA-384 and SHA-512 (FIPS 180-4).

use sha2::{Digest, Sha256, Sha384, Sha512};

/// A digest of SHA-2. Its length names the function: 32 bytes are of SHA-256, 48 of SHA-384 and 64 of SHA-512.
///
/// A program links the functions of the lengths that it names. Other crates cannot implement this trait.
pub trait Sha2Digest: Copy + Sealed {
    /// The digest of the concatenated `parts`.
    fn of(parts: &[&[u8]]) -> Self;

    /// The last arc of the function's object identifier, `2.16.840.1.101.3.4.2.n`.
    #[doc(hidden)]
    const ARC: u8;
}

/// Keeps other crates from implementing [`Sha2Digest`].
pub trait Sealed {}

macro_rules! digest {
    ($length:literal, $function:ident, $arc:literal) => {
        impl Sealed for [u8; $length] {}

        impl Sha2Digest for [u8; $length] {
            const ARC: u8 = $arc;

            fn of(parts: &[&[u8]]) -> Self {
                let mut function = $function::new();
                parts.iter().for_each(|part| function.update(part));
                function.finalize().into()
            }
        }
    };
}

digest!(32, Sha256, 1);
digest!(48, Sha384, 2);
digest!(64, Sha512, 3);
