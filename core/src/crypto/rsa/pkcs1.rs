//! EMSA-PKCS1-v1_5 with SHA-2 (RFC 8017 §9.2).

use subtle::ConstantTimeEq;

use super::Error;
use crate::crypto::Sha2Digest;

/// DER of DigestInfo up to the digest itself (RFC 8017 §9.2, note 1). The hash function's object identifier ends with
/// `arc`, and its digest has `length` bytes.
const fn digest_info(arc: u8, length: usize) -> [u8; 19] {
    let length = length as u8;
    #[rustfmt::skip]
    let info = [
        0x30, 17 + length,
        // AlgorithmIdentifier: 2.16.840.1.101.3.4.2.arc, NULL.
        0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc, 0x05, 0x00,
        0x04, length,
    ];
    info
}

/// Fills `encoded`, as long as the modulus, with the EMSA-PKCS1-v1_5 encoding of a message's digest
/// (RFC 8017 §9.2): `00 01 ff .. ff 00`, DigestInfo, digest. The private operation turns it into a signature.
///
/// # Errors
/// [`Error::BufferTooSmall`] if `encoded` has no room for the encoding.
pub fn encode<const D: usize>(encoded: &mut [u8], digest: &[u8; D]) -> Result<(), Error>
where
    [u8; D]: Sha2Digest,
{
    let (head, end) = encoded.split_last_chunk_mut::<D>().ok_or(Error::BufferTooSmall)?;
    let (head, info) = head.split_last_chunk_mut().ok_or(Error::BufferTooSmall)?;
    let [zero, one, padding @ .., separator] = head else { return Err(Error::BufferTooSmall) };
    (*zero, *one, *separator) = (0, 1, 0);
    padding.fill(0xff);
    *info = digest_info(<[u8; D]>::ARC, D);
    *end = *digest;
    Ok(())
}

/// Compares with the output of [`encode`]. Parsers of the padding have allowed forgeries (Bleichenbacher, 2006).
pub(super) fn verify<const D: usize>(encoded: &[u8], digest: &[u8; D]) -> Result<(), Error>
where
    [u8; D]: Sha2Digest,
{
    let mut expected = [0; crate::limits::RSA_BYTES];
    let expected = expected.get_mut(..encoded.len()).ok_or(Error::Signature)?;
    encode(expected, digest)?;
    if bool::from(encoded.ct_eq(expected)) { Ok(()) } else { Err(Error::Signature) }
}
