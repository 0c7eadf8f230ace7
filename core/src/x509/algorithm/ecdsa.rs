//! ECDSA on P-256 and P-384 with SHA-2 (RFC 5758), by RustCrypto.

use p256::ecdsa::signature::hazmat::PrehashVerifier;

use super::{SignatureAlgorithm, SignatureError};
use crate::crypto::Sha2Digest;
use crate::encoding::der::{DerError, DerErrorKind, Reader, Tag};

/// `ecdsa-with-SHA256` by a key on P-256.
pub static ECDSA_P256_SHA256: EcdsaP256<32> = EcdsaP256;
/// `ecdsa-with-SHA384` by a key on P-256.
pub static ECDSA_P256_SHA384: EcdsaP256<48> = EcdsaP256;
/// `ecdsa-with-SHA512` by a key on P-256.
pub static ECDSA_P256_SHA512: EcdsaP256<64> = EcdsaP256;
/// `ecdsa-with-SHA256` by a key on P-384.
pub static ECDSA_P384_SHA256: EcdsaP384<32> = EcdsaP384;
/// `ecdsa-with-SHA384` by a key on P-384.
pub static ECDSA_P384_SHA384: EcdsaP384<48> = EcdsaP384;
/// `ecdsa-with-SHA512` by a key on P-384.
pub static ECDSA_P384_SHA512: EcdsaP384<64> = EcdsaP384;

/// All algorithms of ECDSA.
pub static ALL: [&dyn SignatureAlgorithm; 6] = [
    &ECDSA_P256_SHA256,
    &ECDSA_P256_SHA384,
    &ECDSA_P256_SHA512,
    &ECDSA_P384_SHA256,
    &ECDSA_P384_SHA384,
    &ECDSA_P384_SHA512,
];

/// First byte of an uncompressed point (RFC 5480 §2.2).
const UNCOMPRESSED: u8 = 4;

/// Whether `id` is `ecdsa-with-SHA…` of the function with this arc, without parameters (RFC 5758 §3.2).
fn is_signature_id(id: &[u8], arc: u8) -> bool {
    // The object identifiers 1.2.840.10045.4.3.2 to .4 are those of SHA-256, SHA-384 and SHA-512.
    *id == [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, arc + 1]
}

/// The numbers r and s of an ECDSA-Sig-Value (RFC 5480 §2.2.3), big-endian.
fn numbers<const N: usize>(signature: &[u8]) -> Result<[[u8; N]; 2], DerError> {
    let mut document = Reader::new(signature);
    let mut sequence = document.nested(Tag::SEQUENCE)?;
    document.finish()?;
    let numbers = [number(&mut sequence)?, number(&mut sequence)?];
    sequence.finish()?;
    Ok(numbers)
}

/// The next INTEGER, not negative and of at most `N` bytes.
fn number<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], DerError> {
    let error = reader.error(DerErrorKind::Integer);
    let bytes = match reader.integer(Tag::INTEGER)? {
        [0x80..=0xff, ..] => return Err(error),
        [0, bytes @ ..] | bytes => bytes,
    };
    let mut number = [0; N];
    let start = N.checked_sub(bytes.len()).ok_or(error)?;
    number.iter_mut().skip(start).zip(bytes).for_each(|(to, from)| *to = *from);
    Ok(number)
}

macro_rules! curve {
    ($type:ident, $module:ident, $curve:ident, $length:literal, $name:literal, $names:expr, $oid:expr) => {
        #[doc = concat!("ECDSA on ", $name, " with the SHA-2 function whose digest has `D` bytes.")]
        ///
        /// The signature's parameters are absent (RFC 5758 §3.2). Those of the key name the curve, and its point is
        /// uncompressed (RFC 5480 §2). The signature is the DER of ECDSA-Sig-Value. A longer digest is cut to the
        /// length of the curve's order (FIPS 186-5 §6.4.2).
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $type<const D: usize>;

        impl<const D: usize> SignatureAlgorithm for $type<D>
        where
            [u8; D]: Sha2Digest,
        {
            fn name(&self) -> &'static str {
                const NAMES: [&str; 3] = $names;
                NAMES.get(usize::from(<[u8; D]>::ARC) - 1).unwrap_or(&"")
            }

            fn is_signature_id(&self, signature: &[u8]) -> bool {
                is_signature_id(signature, <[u8; D]>::ARC)
            }

            fn is_key_id(&self, key: &[u8]) -> bool {
                const ID: &[u8] = &$oid;
                key == ID
            }

            fn check_key(&self, key: &[u8]) -> Result<(), SignatureError> {
                $module::check_key(key).map(drop)
            }

            fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
                $module::verify(key, &<[u8; D]>::of(&[message]), signature)
            }
        }

        /// Not generic: the arithmetic is compiled once for all digests.
        mod $module {
            use super::{PrehashVerifier, SignatureError, UNCOMPRESSED, numbers};
            use $curve::ecdsa::{Signature, VerifyingKey};

            pub(super) fn check_key(key: &[u8]) -> Result<VerifyingKey, SignatureError> {
                if key.first() != Some(&UNCOMPRESSED) {
                    return Err(SignatureError::Key);
                }
                VerifyingKey::from_sec1_bytes(key).map_err(|_| SignatureError::Key)
            }

            pub(super) fn verify(key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
                let key = check_key(key)?;
                let verified = numbers::<$length>(signature)
                    .ok()
                    .and_then(|[r, s]| Signature::from_scalars(r, s).ok())
                    .and_then(|signature| key.verify_prehash(digest, &signature).ok());
                verified.ok_or(SignatureError::Signature)
            }
        }
    };
}

curve!(
    EcdsaP256,
    on_p256,
    p256,
    32,
    "P-256",
    ["ecdsa-with-SHA256 on P-256", "ecdsa-with-SHA384 on P-256", "ecdsa-with-SHA512 on P-256"],
    [
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
        0x01, 0x07
    ]
);
curve!(
    EcdsaP384,
    on_p384,
    p384,
    48,
    "P-384",
    ["ecdsa-with-SHA256 on P-384", "ecdsa-with-SHA384 on P-384", "ecdsa-with-SHA512 on P-384"],
    [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22]
);
