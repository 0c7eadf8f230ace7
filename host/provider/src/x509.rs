//! The signature algorithms of X.509 by AWS-LC.
//!
//! They accept the same identifiers, keys and signatures as those of the core, and are faster.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use minipki_core::x509::algorithm::{SignatureAlgorithm, SignatureError, ecdsa, ed25519, rsa};

/// A signature algorithm by AWS-LC. The core checks the identifiers and the key.
pub struct AwsLcAlgorithm {
    core: &'static dyn SignatureAlgorithm,
    aws: &'static dyn VerificationAlgorithm,
}

impl SignatureAlgorithm for AwsLcAlgorithm {
    fn name(&self) -> &'static str {
        self.core.name()
    }

    fn is_signature_id(&self, signature: &[u8]) -> bool {
        self.core.is_signature_id(signature)
    }

    fn is_key_id(&self, key: &[u8]) -> bool {
        self.core.is_key_id(key)
    }

    fn check_key(&self, key: &[u8]) -> Result<(), SignatureError> {
        self.core.check_key(key)
    }

    fn verify(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.check_key(key)?;
        UnparsedPublicKey::new(self.aws, key)
            .verify(message, signature)
            .map_err(|Unspecified| SignatureError::Signature)
    }
}

macro_rules! algorithms {
    ($($name:ident: $core:path, $aws:ident, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub static $name: AwsLcAlgorithm = AwsLcAlgorithm { core: &$core, aws: &signature::$aws };
        )*

        /// All algorithms.
        pub static ALL: [&dyn SignatureAlgorithm; [$(stringify!($name)),*].len()] = [$(&$name),*];
    };
}

algorithms! {
    RSA_PKCS1_SHA256: rsa::RSA_PKCS1_SHA256, RSA_PKCS1_2048_8192_SHA256, "`sha256WithRSAEncryption`.";
    RSA_PKCS1_SHA384: rsa::RSA_PKCS1_SHA384, RSA_PKCS1_2048_8192_SHA384, "`sha384WithRSAEncryption`.";
    RSA_PKCS1_SHA512: rsa::RSA_PKCS1_SHA512, RSA_PKCS1_2048_8192_SHA512, "`sha512WithRSAEncryption`.";
    RSA_PSS_SHA256: rsa::RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256, "`id-RSASSA-PSS` with SHA-256.";
    RSA_PSS_SHA384: rsa::RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384, "`id-RSASSA-PSS` with SHA-384.";
    RSA_PSS_SHA512: rsa::RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512, "`id-RSASSA-PSS` with SHA-512.";
    ECDSA_P256_SHA256: ecdsa::ECDSA_P256_SHA256, ECDSA_P256_SHA256_ASN1, "`ecdsa-with-SHA256` on P-256.";
    ECDSA_P256_SHA384: ecdsa::ECDSA_P256_SHA384, ECDSA_P256_SHA384_ASN1, "`ecdsa-with-SHA384` on P-256.";
    ECDSA_P256_SHA512: ecdsa::ECDSA_P256_SHA512, ECDSA_P256_SHA512_ASN1, "`ecdsa-with-SHA512` on P-256.";
    ECDSA_P384_SHA256: ecdsa::ECDSA_P384_SHA256, ECDSA_P384_SHA256_ASN1, "`ecdsa-with-SHA256` on P-384.";
    ECDSA_P384_SHA384: ecdsa::ECDSA_P384_SHA384, ECDSA_P384_SHA384_ASN1, "`ecdsa-with-SHA384` on P-384.";
    ECDSA_P384_SHA512: ecdsa::ECDSA_P384_SHA512, ECDSA_P384_SHA512_ASN1, "`ecdsa-with-SHA512` on P-384.";
    ED25519: ed25519::ED25519, ED25519, "`id-Ed25519`.";
}
