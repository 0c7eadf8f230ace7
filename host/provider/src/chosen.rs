//! One provider for the whole process, chosen when it runs.
//!
//! All providers compute the same functions, so a choice decides how fast something is done and
//! never what comes out; that is why one for the whole process is enough, and may come at any time.

use std::sync::atomic::{AtomicBool, Ordering};

use minipki_core::bytes::Secret;
use minipki_core::crypto::{Aead, CryptoError, Portable, Provider, Sha256, X25519, rsa};
use minipki_core::limits::{KEY, NONCE, TAG};

use super::AwsLc;

/// The providers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderKind {
    /// [`AwsLc`], the fastest on a PC.
    #[default]
    Aws,
    /// The core's own [`Portable`], the same code that runs on a device.
    Portable,
}

static PORTABLE: AtomicBool = AtomicBool::new(false);

/// Makes all that the process computes from here on use the provider of this kind.
pub fn choose(kind: ProviderKind) {
    PORTABLE.store(kind == ProviderKind::Portable, Ordering::Relaxed);
}

fn kind() -> ProviderKind {
    if PORTABLE.load(Ordering::Relaxed) { ProviderKind::Portable } else { ProviderKind::Aws }
}

/// What [`AwsLc`] has, or what [`Portable`] has in its place.
#[derive(Clone)]
pub enum Either<A, P> {
    /// AWS-LC's.
    Aws(A),
    /// The core's own.
    Portable(P),
}

/// What `$call` makes of whichever it is.
macro_rules! whichever {
    ($either:expr, $inner:ident => $call:expr) => {
        match $either {
            Either::Aws($inner) => $call,
            Either::Portable($inner) => $call,
        }
    };
}

impl<A: Sha256, P: Sha256> Default for Either<A, P> {
    fn default() -> Self {
        match kind() {
            ProviderKind::Aws => Self::Aws(A::default()),
            ProviderKind::Portable => Self::Portable(P::default()),
        }
    }
}

impl<A: Sha256, P: Sha256> Sha256 for Either<A, P> {
    fn update(&mut self, data: &[u8]) {
        whichever!(self, hash => hash.update(data));
    }

    fn finish(self) -> [u8; 32] {
        whichever!(self, hash => hash.finish())
    }
}

impl<A: X25519, P: X25519> X25519 for Either<A, P> {
    fn new(secret: Secret<KEY>) -> Self {
        match kind() {
            ProviderKind::Aws => Self::Aws(A::new(secret)),
            ProviderKind::Portable => Self::Portable(P::new(secret)),
        }
    }

    fn secret(&self) -> &Secret<KEY> {
        whichever!(self, key => key.secret())
    }

    fn public(&self) -> [u8; KEY] {
        whichever!(self, key => key.public())
    }

    fn agree(&self, public: &[u8; KEY]) -> Result<Secret<KEY>, CryptoError> {
        whichever!(self, key => key.agree(public))
    }
}

impl<A: Aead, P: Aead> Aead for Either<A, P> {
    fn new(key: Secret<KEY>) -> Self {
        match kind() {
            ProviderKind::Aws => Self::Aws(A::new(key)),
            ProviderKind::Portable => Self::Portable(P::new(key)),
        }
    }

    fn key(&self) -> &Secret<KEY> {
        whichever!(self, cipher => cipher.key())
    }

    fn seal(&self, nonce: &[u8; NONCE], ad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], CryptoError> {
        whichever!(self, cipher => cipher.seal(nonce, ad, in_out))
    }

    fn open(
        &self,
        nonce: &[u8; NONCE],
        ad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), CryptoError> {
        whichever!(self, cipher => cipher.open(nonce, ad, in_out, tag))
    }
}

/// The provider that was chosen, [`AwsLc`] unless [`choose`] was told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Chosen;

/// Calls the function of the provider that was chosen.
macro_rules! ask {
    ($function:ident($($argument:expr),*)) => {
        match kind() {
            ProviderKind::Aws => AwsLc::$function($($argument),*),
            ProviderKind::Portable => Portable::$function($($argument),*),
        }
    };
}

impl Provider for Chosen {
    type Sha256 = Either<<AwsLc as Provider>::Sha256, <Portable as Provider>::Sha256>;
    type X25519 = Either<<AwsLc as Provider>::X25519, <Portable as Provider>::X25519>;
    type Aead = Either<<AwsLc as Provider>::Aead, <Portable as Provider>::Aead>;

    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret<32> {
        ask!(hmac_sha256(key, parts))
    }

    fn hkdf_sha256(salt: &[u8], ikm: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), CryptoError> {
        ask!(hkdf_sha256(salt, ikm, info, out))
    }

    fn verify_pss_sha256(
        key: &rsa::PublicKey,
        digest: &[u8; 32],
        signature: &[u8],
        salt: rsa::SaltLength,
    ) -> Result<(), rsa::Error> {
        ask!(verify_pss_sha256(key, digest, signature, salt))
    }
}
