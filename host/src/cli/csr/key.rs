//! The keys of requests, by AWS-LC.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use der::Decode;
use der::asn1::Null;
use der::oid::ObjectIdentifier;
use der::oid::db::{rfc5912, rfc8410};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use zeroize::Zeroizing;

use super::super::{CliError, Exit};
use super::KeyType;

/// A private key. AWS-LC wipes it.
pub(super) enum SubjectKey {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SubjectKey {
    /// Makes a key, and its DER of PKCS#8.
    pub(super) fn generate(kind: KeyType) -> Result<(Self, Zeroizing<Vec<u8>>), CliError> {
        let made = match kind {
            KeyType::Rsa2048 => Self::generate_rsa(KeySize::Rsa2048),
            KeyType::Rsa3072 => Self::generate_rsa(KeySize::Rsa3072),
            KeyType::Rsa4096 => Self::generate_rsa(KeySize::Rsa4096),
            KeyType::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).and_then(|key| {
                let der = key.to_pkcs8v1()?;
                Ok((Self::P256(key), copy(der.as_ref())))
            }),
            KeyType::Ed25519 => Ed25519KeyPair::generate().and_then(|key| {
                let der = key.to_pkcs8v1()?;
                Ok((Self::Ed25519(key), copy(der.as_ref())))
            }),
        };
        made.map_err(failed)
    }

    fn generate_rsa(size: KeySize) -> Result<(Self, Zeroizing<Vec<u8>>), Unspecified> {
        let key = rsa::KeyPair::generate(size)?;
        let der: Pkcs8V1Der<'_> = key.as_der()?;
        let der = copy(der.as_ref());
        Ok((Self::Rsa(key), der))
    }

    /// Reads the DER of PKCS#8; `None` if it has no key of this kind.
    pub(super) fn read(kind: KeyType, der: &[u8]) -> Option<Self> {
        let rsa = |bits: usize| {
            let key = rsa::KeyPair::from_pkcs8(der).ok()?;
            (key.public_modulus_len() * 8 == bits).then_some(Self::Rsa(key))
        };
        match kind {
            KeyType::Rsa2048 => rsa(2048),
            KeyType::Rsa3072 => rsa(3072),
            KeyType::Rsa4096 => rsa(4096),
            KeyType::P256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).ok().map(Self::P256)
            }
            KeyType::Ed25519 => Ed25519KeyPair::from_pkcs8(der).ok().map(Self::Ed25519),
        }
    }

    /// The public key.
    pub(super) fn spki(&self) -> Result<SubjectPublicKeyInfoOwned, CliError> {
        let der: Result<PublicKeyX509Der<'_>, _> = match self {
            Self::Rsa(key) => key.public_key().as_der(),
            Self::P256(key) => key.public_key().as_der(),
            Self::Ed25519(key) => key.public_key().as_der(),
        };
        let der = der.map_err(failed)?;
        SubjectPublicKeyInfoOwned::from_der(der.as_ref()).map_err(failed)
    }

    /// The algorithm of [`SubjectKey::sign`].
    pub(super) fn algorithm(&self) -> AlgorithmIdentifierOwned {
        let (oid, parameters): (ObjectIdentifier, _) = match self {
            Self::Rsa(_) => (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, Some(Null.into())),
            Self::P256(_) => (rfc5912::ECDSA_WITH_SHA_256, None),
            Self::Ed25519(_) => (rfc8410::ID_ED_25519, None),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CliError> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::P256(key) => {
                key.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Self::Ed25519(key) => {
                key.try_sign(message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
        }
    }
}

/// A copy that is wiped.
fn copy(der: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(der.to_vec())
}

fn failed(error: impl std::fmt::Display) -> CliError {
    let next = "try again; if it happens again, report it to the maintainers of MiniPKI";
    CliError::new(Exit::Failed, format_args!("the key or its signature could not be made: {error}"), next)
}
