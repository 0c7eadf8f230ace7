//! Private keys encrypted with a passphrase: PKCS#8 (RFC 5958 §3) with PBES2 (RFC 8018 §6.2), in PEM (RFC 7468 §11).
//!
//! Written are scrypt (RFC 7914) and AES-256 in CBC mode. PBKDF2 with HMAC-SHA-256, and AES-128, are read too, since
//! `openssl pkcs8 -topk8` writes them.

use std::path::Path;

use getrandom::SysRng;
use miette::Diagnostic;
use minipki_core::encoding::pem::{self, PemError};
use minipki_os::files::quoted;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use pkcs8::der::{self, Decode, Encode, ErrorKind};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme as Cipher, Kdf, PBES2_OID, Parameters, Pbkdf2Prf, Salt, ScryptParams,
};
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rand_core::TryRng;
use zeroize::Zeroizing;

use crate::Passphrase;

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// The header of the encryption inside PEM (RFC 1421 §4.6.1.1) that OpenSSL wrote before PKCS#8.
const TRADITIONAL: &[u8] = b"Proc-Type: 4,ENCRYPTED";

/// The costs of scrypt in new files: 16 MiB and five passes. More memory is more than OpenSSL accepts.
const N: u64 = 1 << 14;
const R: u16 = 8;
const P: u16 = 5;

/// The most memory that scrypt may take to read a file, in bytes: enough for N = 2^17 and r = 8.
const MAX_MEMORY: u64 = 129 << 20;

/// The largest product of the costs of scrypt in a file. It takes some seconds.
const MAX_WORK: u64 = 1 << 23;

/// The most rounds of PBKDF2 in a file. They take some seconds.
const MAX_ROUNDS: u32 = 10_000_000;

/// The reason why an encrypted private key cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum EncryptedKeyError {
    /// There is no passphrase for the key.
    #[error("the private key is encrypted, and there is no passphrase for it")]
    #[diagnostic(help(
        "give the passphrase with --passphrase-file FILE, --passphrase-fd N, the systemd credential \
         minipki-passphrase, or at a terminal"
    ))]
    Locked,
    /// The passphrase does not decrypt the key.
    #[error("the passphrase is wrong, or the file was damaged")]
    #[diagnostic(help("try again with the passphrase of this key"))]
    WrongPassphrase,
    /// The PEM is malformed.
    #[error("{0}: expected an encrypted PKCS#8 key in PEM")]
    Pem(PemError),
    /// The PEM does not hold an encrypted PKCS#8 key.
    #[error("the PEM does not hold an encrypted PKCS#8 key (RFC 5958)")]
    Malformed,
    /// The key is encrypted in another way.
    #[error(
        "the key is not encrypted with scrypt or PBKDF2-HMAC-SHA-256, and AES-128 or AES-256 in CBC mode"
    )]
    Scheme,
    /// The file demands too much time or memory.
    #[error(
        "decryption would take more time or memory than a key file may demand: scrypt or PBKDF2 has too high costs"
    )]
    Cost,
    /// The key to encrypt is not a PKCS#8 key in PEM.
    #[error("the key to encrypt is not a PKCS#8 key in PEM")]
    NotAKey,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    #[diagnostic(help("make /dev/urandom available, then try again"))]
    Random,
}

impl EncryptedKeyError {
    /// The next step for the file `path`, if there is one.
    pub fn advice(self, path: &Path) -> Option<String> {
        let new = path.with_extension("converted.pem");
        let convert =
            format!("convert it: openssl pkcs8 -topk8 -scrypt -in {} -out {}", quoted(path), quoted(&new));
        match self {
            Self::Scheme => Some(convert),
            Self::Cost => Some(format!("if the file is genuine, {convert}")),
            other => other.help().map(|help| help.to_string()),
        }
    }

    /// Whether the content of the file is the reason, not the passphrase or this machine.
    pub const fn is_content(self) -> bool {
        !matches!(self, Self::Locked | Self::WrongPassphrase | Self::Random)
    }
}

/// Whether `text` is the PEM of an encrypted private key.
pub fn is_encrypted(text: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    text.windows(BEGIN.len()).any(|window| window == BEGIN)
}

/// The PEM of a private key, without encryption. A text that is not encrypted is returned as it is, and is not checked.
///
/// # Errors
/// [`EncryptedKeyError`], [`EncryptedKeyError::Locked`] without a passphrase.
pub fn open(
    text: Zeroizing<Vec<u8>>,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, EncryptedKeyError> {
    if !is_encrypted(&text) {
        let traditional = text.windows(TRADITIONAL.len()).any(|window| window == TRADITIONAL);
        return if traditional { Err(EncryptedKeyError::Scheme) } else { Ok(text) };
    }
    let mut room = vec![0; text.len()];
    let (params, encrypted) = parse(&text, &mut room)?;
    let passphrase = passphrase.ok_or(EncryptedKeyError::Locked)?;
    let mut room = Zeroizing::new(encrypted.to_vec());
    let der = params
        .decrypt_in_place(passphrase.bytes(), &mut room)
        .map_err(|_| EncryptedKeyError::WrongPassphrase)?;
    // A wrong passphrase leaves valid padding once in 256 times.
    PrivateKeyInfoRef::from_der(der).map_err(|_| EncryptedKeyError::WrongPassphrase)?;
    to_pem(PLAIN, der)
}

/// Encrypts the PEM of a PKCS#8 private key.
///
/// # Errors
/// [`EncryptedKeyError::NotAKey`]; [`EncryptedKeyError::Random`].
pub fn encrypt(text: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, EncryptedKeyError> {
    let mut room = Zeroizing::new(vec![0; text.len()]);
    let der = pem::decode(PLAIN, text, &mut room).map_err(|_| EncryptedKeyError::NotAKey)?;
    PrivateKeyInfoRef::from_der(der).map_err(|_| EncryptedKeyError::NotAKey)?;
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for random in [&mut salt, &mut iv] {
        SysRng.try_fill_bytes(random).map_err(|_| EncryptedKeyError::Random)?;
    }
    let salt = Salt::new(salt).map_err(|_| EncryptedKeyError::NotAKey)?;
    let scrypt =
        ScryptParams { salt, cost_parameter: N, block_size: R, parallelization: P, key_length: None };
    let params = Parameters { kdf: Kdf::Scrypt(scrypt), encryption: Cipher::Aes256Cbc { iv } };
    let encrypted = params.encrypt(passphrase.bytes(), der).map_err(|_| EncryptedKeyError::NotAKey)?;
    let encrypted_data = OctetStringRef::new(&encrypted).map_err(|_| EncryptedKeyError::NotAKey)?;
    let info = EncryptedPrivateKeyInfoRef { encryption_algorithm: params.into(), encrypted_data };
    to_pem(ENCRYPTED, &info.to_der().map_err(|_| EncryptedKeyError::NotAKey)?)
}

/// The encryption of the key in `text`, as a text for people. The passphrase is not needed.
///
/// # Errors
/// [`EncryptedKeyError`].
pub fn encryption(text: &[u8]) -> Result<String, EncryptedKeyError> {
    let mut room = vec![0; text.len()];
    let (params, _) = parse(text, &mut room)?;
    let kdf = match params.kdf {
        Kdf::Scrypt(ScryptParams { cost_parameter: n, block_size: r, parallelization: p, .. }) => {
            format!("scrypt (N = {n}, r = {r}, p = {p})")
        }
        Kdf::Pbkdf2(params) => format!("PBKDF2-HMAC-SHA-256 ({} rounds)", params.iteration_count),
        _ => return Err(EncryptedKeyError::Scheme),
    };
    Ok(format!("{kdf}, AES-{}-CBC", params.encryption.key_size() * 8))
}

/// Reads and checks all of an encrypted key that needs no passphrase.
fn parse<'r>(text: &[u8], room: &'r mut [u8]) -> Result<(Parameters, &'r [u8]), EncryptedKeyError> {
    let der = pem::decode(ENCRYPTED, text, room).map_err(EncryptedKeyError::Pem)?;
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|error| match error.kind() {
        ErrorKind::OidUnknown { .. } => EncryptedKeyError::Scheme,
        _ if scheme(der).is_ok_and(|scheme| scheme != PBES2_OID) => EncryptedKeyError::Scheme,
        _ => EncryptedKeyError::Malformed,
    })?;
    let EncryptionScheme::Pbes2(params) = info.encryption_algorithm else {
        return Err(EncryptedKeyError::Scheme);
    };
    check(&params)?;
    Ok((params, info.encrypted_data.as_bytes()))
}

/// The scheme of an encrypted key, whose parameters need not be known.
fn scheme(der: &[u8]) -> der::Result<ObjectIdentifier> {
    AnyRef::from_der(der)?.sequence(|reader| {
        let scheme = AlgorithmIdentifierRef::decode(reader)?.oid;
        <&OctetStringRef>::decode(reader)?;
        Ok(scheme)
    })
}

/// Checks the algorithms and their costs. The library that decrypts panics for N = 0, and has no limits of its own.
fn check(params: &Parameters) -> Result<(), EncryptedKeyError> {
    if !matches!(params.encryption, Cipher::Aes128Cbc { .. } | Cipher::Aes256Cbc { .. }) {
        return Err(EncryptedKeyError::Scheme);
    }
    let fits = match params.kdf {
        Kdf::Scrypt(ScryptParams { cost_parameter: n, block_size, parallelization, .. }) => {
            let (r, p) = (u64::from(block_size), u64::from(parallelization));
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(EncryptedKeyError::Malformed);
            }
            let memory = n.saturating_add(p).saturating_mul(128 * r);
            memory <= MAX_MEMORY && n.saturating_mul(r * p) <= MAX_WORK
        }
        Kdf::Pbkdf2(params) if params.prf != Pbkdf2Prf::HmacWithSha256 => {
            return Err(EncryptedKeyError::Scheme);
        }
        Kdf::Pbkdf2(params) if params.iteration_count == 0 => return Err(EncryptedKeyError::Malformed),
        Kdf::Pbkdf2(params) => params.iteration_count <= MAX_ROUNDS,
        _ => return Err(EncryptedKeyError::Scheme),
    };
    if fits { Ok(()) } else { Err(EncryptedKeyError::Cost) }
}

/// The PEM of `der` with `label`, and room for line ends and boundaries.
fn to_pem(label: &str, der: &[u8]) -> Result<Zeroizing<Vec<u8>>, EncryptedKeyError> {
    let mut room = Zeroizing::new(vec![0; der.len() * 2 + 128]);
    let len = pem::encode(label, der, &mut room).map_err(|_| EncryptedKeyError::Malformed)?.len();
    room.truncate(len);
    Ok(room)
}
