//! The sizes of RSA keys, and the sets of sizes that a program can choose from.
//!
//! A set is a type, for example [`Rsa2048`]. Keys, anchors and providers are generic over it. So a program that names
//! one size has the code and the memory of that size alone.

use core::fmt;

use rand_core::CryptoRng;

use super::arith::{Crt, Modulus, Native, Parts, limbs};
use super::{DIGEST, Error};

/// Length of the modulus, and so of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeySize {
    /// 2048 bits, 256 bytes.
    Bits2048,
    /// 3072 bits, 384 bytes.
    Bits3072,
    /// 4096 bits, 512 bytes.
    Bits4096,
}

impl KeySize {
    /// Length in bits.
    pub const fn bits(self) -> usize {
        8 * self.bytes()
    }

    /// Length in bytes: of the modulus and of every signature.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bits2048 => 256,
            Self::Bits3072 => 384,
            Self::Bits4096 => 512,
        }
    }

    /// The longest PSS salt with SHA-256, in bytes: the modulus less the digest and two bytes (RFC 8017 §9.1.1).
    pub const fn max_salt(self) -> usize {
        self.bytes() - DIGEST - 2
    }

    /// The size of a modulus of `bytes` bytes.
    pub(super) const fn from_bytes(bytes: usize) -> Option<Self> {
        match bytes {
            256 => Some(Self::Bits2048),
            384 => Some(Self::Bits3072),
            512 => Some(Self::Bits4096),
            _ => None,
        }
    }
}

/// The sizes that a program accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AcceptedSizes {
    /// Only this size.
    Only(KeySize),
    /// 2048, 3072 and 4096 bits.
    All,
}

impl AcceptedSizes {
    /// Whether `size` is one of them.
    pub(super) fn contains(self, size: KeySize) -> bool {
        self == Self::All || self == Self::Only(size)
    }
}

/// A set of sizes: [`Rsa2048`], [`Rsa3072`], [`Rsa4096`] or [`AllSizes`].
pub trait Sizes: Copy + Default + Eq + fmt::Debug + 'static {
    /// The sizes in the set.
    const ACCEPTED: AcceptedSizes;

    /// The numbers of a key.
    #[doc(hidden)]
    type Numbers: Numbers;
}

/// The numbers of a public key, and the operations on them. Other crates cannot name this trait.
pub trait Numbers: Clone + Eq {
    /// The numbers that only the private key has, wiped when dropped.
    type Secret;

    /// Takes a big-endian modulus of `size`. `None` if it is even, or not of a size of the set.
    fn new(size: KeySize, n: &[u8]) -> Option<Self>;

    /// Length of the modulus.
    fn size(&self) -> KeySize;

    /// Writes the modulus, big-endian, as many bytes as `out` has.
    fn write_modulus(&self, out: &mut [u8]);

    /// Recovers the encoded message (RSAVP1, RFC 8017 §5.2.2) and passes it to `check`.
    fn recover(
        &self,
        signature: &[u8],
        check: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// An empty secret, which [`Numbers::load`] fills in place: a move would leave a copy of the secret.
    fn empty(&self) -> Self::Secret;

    /// Takes the parts of the private key. `None` if they do not fit each other or the modulus.
    fn load(&self, secret: &mut Self::Secret, parts: &Parts<'_>) -> Option<()>;

    /// Writes the parts, each half as long as the modulus, in the order of [`Parts`].
    fn write_parts(secret: &Self::Secret, out: [&mut [u8]; 5]);

    /// RSASP1 (RFC 8017 §5.2.1) in place. After an error `in_out` holds the encoded message, not a signature.
    fn sign(
        &self,
        secret: &mut Self::Secret,
        rng: &mut (impl CryptoRng + ?Sized),
        in_out: &mut [u8],
    ) -> Result<(), Error>;
}

/// The numbers of a key of one size. This is a macro, not a generic type, so that the arithmetic is compiled in this
/// crate, with its options.
macro_rules! one_size {
    ($name:ident, $size:ident) => {
        #[doc = concat!("The numbers of a key of [`KeySize::", stringify!($size), "`].")]
        #[derive(Clone)]
        pub struct $name(Modulus<Native, { limbs::<Native>(KeySize::$size.bits()) }>);

        impl $name {
            /// Writes `signature^65537 mod n`.
            #[inline(never)] // So that its working space leaves the stack before the encoded message is checked.
            fn power(&self, signature: &[u8], encoded: &mut [u8]) -> Result<(), Error> {
                let number = self.0.number(signature).ok_or(Error::Signature)?;
                Modulus::write(&self.0.pow_65537(&number), encoded);
                Ok(())
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.same(&other.0).into()
            }
        }

        impl Eq for $name {}

        impl Numbers for $name {
            type Secret = Crt<
                Native,
                { limbs::<Native>(KeySize::$size.bits()) },
                { limbs::<Native>(KeySize::$size.bits() / 2) },
            >;

            fn new(_: KeySize, n: &[u8]) -> Option<Self> {
                Modulus::new(n).map(Self)
            }

            fn size(&self) -> KeySize {
                KeySize::$size
            }

            fn write_modulus(&self, out: &mut [u8]) {
                self.0.write_modulus(out);
            }

            #[inline(never)] // The stack holds the encoded message of one size, not of all of them.
            fn recover(
                &self,
                signature: &[u8],
                check: impl FnOnce(&mut [u8]) -> Result<(), Error>,
            ) -> Result<(), Error> {
                let mut encoded = [0; KeySize::$size.bytes()];
                self.power(signature, &mut encoded)?;
                check(&mut encoded)
            }

            fn empty(&self) -> Self::Secret {
                Crt::EMPTY
            }

            fn load(&self, secret: &mut Self::Secret, parts: &Parts<'_>) -> Option<()> {
                secret.load(&self.0, parts)
            }

            fn write_parts(secret: &Self::Secret, out: [&mut [u8]; 5]) {
                secret.write_parts(out);
            }

            #[inline(never)] // As for `power`.
            fn sign(
                &self,
                secret: &mut Self::Secret,
                rng: &mut (impl CryptoRng + ?Sized),
                in_out: &mut [u8],
            ) -> Result<(), Error> {
                let encoded = self.0.number(in_out).ok_or(Error::Modulus)?;
                let signature = secret.private(&self.0, &encoded, rng).ok_or(Error::FaultDetected)?;
                Modulus::write(&signature, in_out);
                Ok(())
            }
        }
    };
}

one_size!(Numbers2048, Bits2048);
one_size!(Numbers3072, Bits3072);
one_size!(Numbers4096, Bits4096);

/// A value for each of the three sizes. Each size has code of its own, so that a smaller key needs less working space.
#[derive(Clone, PartialEq, Eq)]
pub enum AnySize<A, B, C> {
    /// A key of 2048 bits.
    Bits2048(A),
    /// A key of 3072 bits.
    Bits3072(B),
    /// A key of 4096 bits.
    Bits4096(C),
}

impl<A: Numbers, B: Numbers, C: Numbers> Numbers for AnySize<A, B, C> {
    type Secret = AnySize<A::Secret, B::Secret, C::Secret>;

    fn new(size: KeySize, n: &[u8]) -> Option<Self> {
        match size {
            KeySize::Bits2048 => A::new(size, n).map(Self::Bits2048),
            KeySize::Bits3072 => B::new(size, n).map(Self::Bits3072),
            KeySize::Bits4096 => C::new(size, n).map(Self::Bits4096),
        }
    }

    fn size(&self) -> KeySize {
        match self {
            Self::Bits2048(_) => KeySize::Bits2048,
            Self::Bits3072(_) => KeySize::Bits3072,
            Self::Bits4096(_) => KeySize::Bits4096,
        }
    }

    fn write_modulus(&self, out: &mut [u8]) {
        match self {
            Self::Bits2048(key) => key.write_modulus(out),
            Self::Bits3072(key) => key.write_modulus(out),
            Self::Bits4096(key) => key.write_modulus(out),
        }
    }

    fn recover(
        &self,
        signature: &[u8],
        check: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            Self::Bits2048(key) => key.recover(signature, check),
            Self::Bits3072(key) => key.recover(signature, check),
            Self::Bits4096(key) => key.recover(signature, check),
        }
    }

    fn empty(&self) -> Self::Secret {
        match self {
            Self::Bits2048(key) => AnySize::Bits2048(key.empty()),
            Self::Bits3072(key) => AnySize::Bits3072(key.empty()),
            Self::Bits4096(key) => AnySize::Bits4096(key.empty()),
        }
    }

    fn load(&self, secret: &mut Self::Secret, parts: &Parts<'_>) -> Option<()> {
        match (self, secret) {
            (Self::Bits2048(key), AnySize::Bits2048(secret)) => key.load(secret, parts),
            (Self::Bits3072(key), AnySize::Bits3072(secret)) => key.load(secret, parts),
            (Self::Bits4096(key), AnySize::Bits4096(secret)) => key.load(secret, parts),
            _ => None,
        }
    }

    fn write_parts(secret: &Self::Secret, out: [&mut [u8]; 5]) {
        match secret {
            AnySize::Bits2048(secret) => A::write_parts(secret, out),
            AnySize::Bits3072(secret) => B::write_parts(secret, out),
            AnySize::Bits4096(secret) => C::write_parts(secret, out),
        }
    }

    fn sign(
        &self,
        secret: &mut Self::Secret,
        rng: &mut (impl CryptoRng + ?Sized),
        in_out: &mut [u8],
    ) -> Result<(), Error> {
        match (self, secret) {
            (Self::Bits2048(key), AnySize::Bits2048(secret)) => key.sign(secret, rng, in_out),
            (Self::Bits3072(key), AnySize::Bits3072(secret)) => key.sign(secret, rng, in_out),
            (Self::Bits4096(key), AnySize::Bits4096(secret)) => key.sign(secret, rng, in_out),
            _ => Err(Error::PrivateKey),
        }
    }
}

/// Keys of 2048 bits alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rsa2048;

impl Sizes for Rsa2048 {
    const ACCEPTED: AcceptedSizes = AcceptedSizes::Only(KeySize::Bits2048);
    type Numbers = Numbers2048;
}

/// Keys of 3072 bits alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rsa3072;

impl Sizes for Rsa3072 {
    const ACCEPTED: AcceptedSizes = AcceptedSizes::Only(KeySize::Bits3072);
    type Numbers = Numbers3072;
}

/// Keys of 4096 bits alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rsa4096;

impl Sizes for Rsa4096 {
    const ACCEPTED: AcceptedSizes = AcceptedSizes::Only(KeySize::Bits4096);
    type Numbers = Numbers4096;
}

/// Keys of 2048, 3072 and 4096 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllSizes;

impl Sizes for AllSizes {
    const ACCEPTED: AcceptedSizes = AcceptedSizes::All;
    type Numbers = AnySize<Numbers2048, Numbers3072, Numbers4096>;
}
