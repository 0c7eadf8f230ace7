//! The provider of a PC: a value that selects the implementation at run time.
//!
//! Both implementations give the same results and differ in speed. Generic types over it are compiled once.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{
    Aead, AeadKey, AgreementKey, CryptoError, Hash, Hasher, Kdf, KeyExchange, Mac, Portable, VerifySignature,
    rsa,
};
use minipki_core::limits::{KEY, NONCE, TAG};

use super::AwsLc;

/// The implementation that computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostProvider {
    /// [`AwsLc`], the fastest on a PC.
    #[default]
    AwsLc,
    /// The core's own [`Portable`], the same code that runs on a device.
    Portable,
}

/// A hash or a key of [`AwsLc`] or of [`Portable`].
#[derive(Clone)]
pub enum Either<A, P> {
    /// AWS-LC's.
    AwsLc(A),
    /// The core's own.
    Portable(P),
}

/// Calls `$call` on the implementation that `$provider` names.
macro_rules! by {
    ($provider:expr, $inner:ident => $call:expr) => {
        match $provider {
            HostProvider::AwsLc => {
                let $inner = AwsLc;
                $call
            }
            HostProvider::Portable => {
                let $inner = Portable::new();
                $call
            }
        }
    };
}

/// Calls `$call` on the value in `$either`.
macro_rules! either {
    ($either:expr, $inner:ident => $call:expr) => {
        match $either {
            Either::AwsLc($inner) => $call,
            Either::Portable($inner) => $call,
        }
    };
}

impl Hash for HostProvider {
    type Hasher = Either<<AwsLc as Hash>::Hasher, <Portable as Hash>::Hasher>;

    fn hasher(self) -> Self::Hasher {
        match self {
            Self::AwsLc => Either::AwsLc(AwsLc.hasher()),
            Self::Portable => Either::Portable(Portable::new().hasher()),
        }
    }
}

impl<A: Hasher, P: Hasher> Hasher for Either<A, P> {
    fn update(&mut self, data: &[u8]) {
        either!(self, hasher => hasher.update(data));
    }

    fn finish(self) -> [u8; 32] {
        either!(self, hasher => hasher.finish())
    }
}

impl Mac for HostProvider {
    fn hmac_sha256(self, key: &[u8], parts: &[&[u8]]) -> Secret<32> {
        by!(self, provider => provider.hmac_sha256(key, parts))
    }
}

impl Kdf for HostProvider {
    fn expand(self, prk: &Secret<32>, info: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        by!(self, provider => provider.expand(prk, info, out))
    }
}

impl Aead for HostProvider {
    type AeadKey = Either<<AwsLc as Aead>::AeadKey, <Portable as Aead>::AeadKey>;

    fn aead_key(self, key: Secret<KEY>) -> Self::AeadKey {
        match self {
            Self::AwsLc => Either::AwsLc(AwsLc.aead_key(key)),
            Self::Portable => Either::Portable(Portable::new().aead_key(key)),
        }
    }
}

impl<A: AeadKey, P: AeadKey> AeadKey for Either<A, P> {
    fn secret(&self) -> &Secret<KEY> {
        either!(self, key => key.secret())
    }

    fn seal(&self, nonce: &[u8; NONCE], ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], CryptoError> {
        either!(self, key => key.seal(nonce, ad, in_out))
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        ad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), CryptoError> {
        either!(self, key => key.open(nonce, ad, in_out, tag))
    }
}

impl KeyExchange for HostProvider {
    type AgreementKey = Either<<AwsLc as KeyExchange>::AgreementKey, <Portable as KeyExchange>::AgreementKey>;

    fn agreement_key(self, secret: Secret<KEY>) -> Self::AgreementKey {
        match self {
            Self::AwsLc => Either::AwsLc(AwsLc.agreement_key(secret)),
            Self::Portable => Either::Portable(Portable::new().agreement_key(secret)),
        }
    }
}

impl<A: AgreementKey, P: AgreementKey> AgreementKey for Either<A, P> {
    fn secret(&self) -> &Secret<KEY> {
        either!(self, key => key.secret())
    }

    fn public(&self) -> [u8; KEY] {
        either!(self, key => key.public())
    }

    fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError> {
        either!(self, key => key.agree(public))
    }
}

impl VerifySignature for HostProvider {
    type Sizes = rsa::AllSizes;

    fn verify_pss_sha256(
        self,
        key: &rsa::PublicKey,
        digest: &[u8; 32],
        signature: &[u8],
        salt: rsa::SaltLength,
    ) -> Result<(), rsa::Error> {
        by!(self, provider => provider.verify_pss_sha256(key, digest, signature, salt))
    }
}
