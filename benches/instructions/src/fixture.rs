//! A CA and its subjects.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Id, TbsCertificate, attach_signature};
use minipki_core::crypto::rsa::{KeySize, PrivateKey, PublicKey};
use minipki_core::crypto::{Hash, KeyPair, Portable};
use minipki_core::encoding::pem;
use minipki_core::limits::{CERTIFICATE, RSA_BYTES};
use minipki_core::session::LocalIdentity;
use minipki_core::time::{Now, UnixTime};
use minipki_core::trust::{Serial, StatusPolicy, Validity};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A name, and a number that fills the 32 bytes of the private key.
#[derive(Clone, Copy)]
pub(crate) struct Subject(pub(crate) &'static str, pub(crate) u8);

pub(crate) const ALICE: Subject = Subject("alice@example.org", 1);
pub(crate) const BOB: Subject = Subject("bob@example.org", 2);

/// A random number generator with a fixed seed.
pub(crate) fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

/// A time within the validity of all certificates.
pub(crate) fn now() -> Now {
    Now::Exact(UnixTime::new(1_893_456_000).expect("before the year 10000"))
}

/// The private key of each size, made for this program.
pub(crate) fn private_key(size: KeySize) -> PrivateKey {
    let text: &[u8] = match size {
        KeySize::Bits2048 => include_bytes!("../keys/2048.pem"),
        KeySize::Bits3072 => include_bytes!("../keys/3072.pem"),
        KeySize::Bits4096 => include_bytes!("../keys/4096.pem"),
    };
    let mut der = [0; 4096];
    let der = pem::decode("PRIVATE KEY", text, &mut der).expect("a PEM file");
    PrivateKey::from_pkcs8_der(der).expect("a sound key")
}

/// A CA with a key of 2048 bits.
pub(crate) struct Ca {
    pub(crate) key: PrivateKey,
    public: PublicKey,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let key = private_key(KeySize::Bits2048);
        Self { public: key.public().clone(), key }
    }

    pub(crate) fn anchor(&self) -> Anchor {
        Anchor::from_key(Portable::new(), self.id(), self.public.clone())
    }

    fn id(&self) -> Id<'static> {
        Id::new("counted-ca").expect("a name")
    }

    /// The fields of the certificate of `subject`.
    pub(crate) fn tbs(&self, subject: Subject) -> TbsCertificate<'_> {
        let time = |seconds| UnixTime::new(seconds).expect("before the year 10000");
        TbsCertificate {
            issuer_id: self.id(),
            issuer_key: &self.public,
            serial_number: Serial::new(4_503_599_627_370_497).expect("in range"),
            subject_id: Id::new(subject.0).expect("a name"),
            subject_key: *subject.key().public(),
            validity: Validity::new(time(1_767_225_600), time(2_082_758_399)).expect("in order"),
        }
    }

    /// The CA's signature over `text`.
    pub(crate) fn sign(&mut self, text: &[u8]) -> Vec<u8> {
        let (salt, mut out) = ([7; 222], [0; RSA_BYTES]);
        let digest = Portable::new().sha256(&[text]);
        self.key.sign_pss(&digest, &salt, &mut rng(), &mut out).expect("a sound key").to_vec()
    }

    pub(crate) fn certificate(&mut self, subject: Subject) -> Vec<u8> {
        let (mut text, mut out) = ([0; CERTIFICATE], [0; CERTIFICATE]);
        let len = self.tbs(subject).encode(&mut text).expect("any certificate fits").len();
        let signature = self.sign(&text[..len]);
        attach_signature(&text[..len], &signature, &mut out).expect("any certificate fits").to_vec()
    }
}

impl Subject {
    pub(crate) fn key(self) -> KeyPair {
        KeyPair::from_secret(Portable::new(), Secret::new([self.1; 32]))
    }
}

/// The local identity of one end of a channel.
pub(crate) fn local<'a>(key: &'a KeyPair, certificate: &'a [u8], anchor: &'a Anchor) -> LocalIdentity<'a> {
    LocalIdentity {
        key,
        credentials: certificate,
        anchor,
        now: now(),
        status_policy: StatusPolicy::default(),
        peer: None,
    }
}
