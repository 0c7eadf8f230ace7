//! Signature algorithms for tests of X.509, by AWS-LC.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use minipki_core::x509::{SignatureAlgorithm, SignatureError};

struct AwsLc {
    name: &'static str,
    signature: &'static [u8],
    key: &'static [u8],
    algorithm: &'static (dyn VerificationAlgorithm + Sync),
}

impl SignatureAlgorithm for AwsLc {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_signature_id(&self, signature: &[u8]) -> bool {
        signature == self.signature
    }

    fn is_key_id(&self, key: &[u8]) -> bool {
        key == self.key
    }

    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(self.algorithm, key)
            .verify(message, signature)
            .map_err(|_| SignatureError::Signature)
    }
}

const P256: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22];
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const ECDSA_SHA256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];

macro_rules! rsa {
    ($name:literal, $last:literal, $algorithm:ident) => {
        &AwsLc {
            name: $name,
            signature: &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, $last, 5, 0],
            key: RSA,
            algorithm: &$algorithm,
        }
    };
}

/// All of them.
pub(crate) const ALGORITHMS: &[&dyn SignatureAlgorithm] = &[
    rsa!("sha256WithRSAEncryption", 11, RSA_PKCS1_2048_8192_SHA256),
    rsa!("sha384WithRSAEncryption", 12, RSA_PKCS1_2048_8192_SHA384),
    rsa!("sha512WithRSAEncryption", 13, RSA_PKCS1_2048_8192_SHA512),
    &AwsLc {
        name: "ecdsa-with-SHA256",
        signature: ECDSA_SHA256,
        key: P256,
        algorithm: &ECDSA_P256_SHA256_ASN1,
    },
    &AwsLc {
        name: "ecdsa-with-SHA256",
        signature: ECDSA_SHA256,
        key: P384,
        algorithm: &ECDSA_P384_SHA256_ASN1,
    },
    &AwsLc {
        name: "ecdsa-with-SHA384",
        signature: ECDSA_SHA384,
        key: P256,
        algorithm: &ECDSA_P256_SHA384_ASN1,
    },
    &AwsLc {
        name: "ecdsa-with-SHA384",
        signature: ECDSA_SHA384,
        key: P384,
        algorithm: &ECDSA_P384_SHA384_ASN1,
    },
    &AwsLc {
        name: "Ed25519",
        signature: &[6, 3, 0x2b, 0x65, 0x70],
        key: &[6, 3, 0x2b, 0x65, 0x70],
        algorithm: &ED25519,
    },
];
