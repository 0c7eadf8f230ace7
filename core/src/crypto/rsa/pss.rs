//! EMSA-PSS with one function of SHA-2 for the message and for MGF1 (RFC 8017 §9.1).
//!
//! An encoded message is as long as the modulus, since all sizes are whole
//! bytes: `masked DB || H || bc`, its highest bit clear.

use subtle::ConstantTimeEq;

use super::{Error, SaltLength};
use crate::crypto::Sha2Digest;

const TRAILER: u8 = 0xbc;

/// Fills `encoded`, as long as the modulus, with the EMSA-PSS encoding of a message's digest under `salt` (RFC 8017
/// §9.1.1). It is the input of the private operation.
///
/// # Errors
/// [`Error::SaltLength`] if the salt is longer than the modulus less the digest and two bytes,
/// [`Error::BufferTooSmall`] if `encoded` is shorter than any encoding.
pub fn encode<const D: usize>(encoded: &mut [u8], digest: &[u8; D], salt: &[u8]) -> Result<(), Error>
where
    [u8; D]: Sha2Digest,
{
    encoded.fill(0);
    let (db, h, trailer) = split::<D>(encoded).ok_or(Error::BufferTooSmall)?;
    let one = db.len().checked_sub(salt.len() + 1).ok_or(Error::SaltLength)?;
    let (_, end) = db.split_at_mut_checked(one).ok_or(Error::SaltLength)?;
    let (separator, end) = end.split_first_mut().ok_or(Error::SaltLength)?;
    *separator = 1;
    end.copy_from_slice(salt);
    *h = hash(digest, salt);
    *trailer = TRAILER;
    mask(db, h);
    Ok(())
}

/// Checks that `encoded` encodes `digest` (§9.1.2), with an accepted salt length. Unmasks in place.
pub(super) fn verify<const D: usize>(
    encoded: &mut [u8],
    digest: &[u8; D],
    accepted: SaltLength,
) -> Result<(), Error>
where
    [u8; D]: Sha2Digest,
{
    let (db, h, trailer) = split::<D>(encoded).ok_or(Error::Signature)?;
    let high_bit = db.first().is_none_or(|first| first >> 7 != 0);
    if *trailer != TRAILER || high_bit {
        return Err(Error::Signature);
    }
    mask(db, h);
    let zeros = db.iter().take_while(|byte| **byte == 0).count();
    let [1, salt @ ..] = db.get(zeros..).unwrap_or_default() else {
        return Err(Error::Signature);
    };
    let (is_digest, is_accepted) = (bool::from(hash(digest, salt).ct_eq(h)), accepted.accepts(salt.len()));
    match (is_digest, is_accepted) {
        (true, true) => Ok(()),
        (true, false) => Err(Error::SaltLength),
        // Another key leaves such a padding once in 100,000 signatures or less.
        (false, true) => Err(Error::OtherDigest),
        (false, false) => Err(Error::Signature),
    }
}

/// DB, H and the trailer of an encoded message.
fn split<const D: usize>(encoded: &mut [u8]) -> Option<(&mut [u8], &mut [u8; D], &mut u8)> {
    let (trailer, rest) = encoded.split_last_mut()?;
    let (db, h) = rest.split_last_chunk_mut()?;
    Some((db, h, trailer))
}

/// H: the hash of eight zero bytes, the digest and the salt.
fn hash<const D: usize>(digest: &[u8; D], salt: &[u8]) -> [u8; D]
where
    [u8; D]: Sha2Digest,
{
    Sha2Digest::of(&[&[0; 8], digest, salt])
}

/// Adds MGF1 of the seed `h` (§B.2.1) to `db`, and clears the highest bit.
fn mask<const D: usize>(db: &mut [u8], h: &[u8; D])
where
    [u8; D]: Sha2Digest,
{
    for (counter, block) in (0u32..).zip(db.chunks_mut(D)) {
        let mask: [u8; D] = Sha2Digest::of(&[h, &counter.to_be_bytes()]);
        block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    if let Some(first) = db.first_mut() {
        *first &= 0x7f;
    }
}
