//! Certificates signed by the `rsa` crate, for whoever needs a good one or one with a fault.

use minipki_core::cert::{Anchor, Id, Serial, TbsCertificate, Validity, attach_signature};
use minipki_core::crypto::Portable;
use minipki_core::crypto::Provider;
use minipki_core::crypto::rsa::{KeySize, PublicKey};
use minipki_core::limits::CERTIFICATE;
use minipki_core::time::UnixTime;
use rsa::Pss;
use rsa::sha2::Sha256;

use crate::rsa_keys::{oracle, public, rng};

/// The issuer of [`sample`].
pub const ISSUER: &str = "test-ca";

/// The subject of [`sample`].
pub const SUBJECT: &str = "alice@example.org";

/// A time within the validity of [`sample`].
pub const NOW: &str = "2026-06-15T12:00:00+00:00";

/// A time of the profile.
pub fn time(text: &str) -> UnixTime {
    text.parse().expect("a time as the profile writes it")
}

/// A name of the profile.
pub fn id(text: &str) -> Id<'_> {
    Id::new(text).expect("a name as the profile has them")
}

/// What a good certificate says; a test changes the fields it is about.
pub fn sample(issuer_key: &PublicKey) -> TbsCertificate<'_> {
    TbsCertificate {
        issuer_id: id(ISSUER),
        issuer_key,
        serial_number: Serial::new(4_242).expect("in range"),
        subject_id: id(SUBJECT),
        subject_key: [0x42; 32],
        validity: Validity::new(time("2026-06-01T00:00:00+00:00"), time("2026-07-01T00:00:00+00:00"))
            .expect("in order"),
    }
}

/// The anchor that pins [`ISSUER`] and the test key of that size.
pub fn anchor(size: KeySize) -> Anchor {
    Anchor::from_key::<Portable>(id(ISSUER), public(size))
}

/// The signed text of `unsigned`.
pub fn encode(unsigned: &TbsCertificate<'_>) -> Vec<u8> {
    let mut out = [0; CERTIFICATE];
    unsigned.encode(&mut out).expect("any certificate fits").to_vec()
}

/// The test key's signature over `text`: PSS as the profile has it, with `salt` bytes of salt.
pub fn sign(text: &[u8], size: KeySize, salt: usize) -> Vec<u8> {
    let digest = Portable::sha256(&[text]);
    oracle(size)
        .sign_with_rng(&mut rng(1), Pss::<Sha256>::new_with_salt(salt), &digest)
        .expect("the salt fits the key")
}

/// The certificate that says `unsigned`, signed by the test key of that size.
pub fn issue(unsigned: &TbsCertificate<'_>, size: KeySize) -> Vec<u8> {
    let text = encode(unsigned);
    let signature = sign(&text, size, size.max_salt());
    let mut out = [0; CERTIFICATE];
    attach_signature(&text, &signature, &mut out).expect("any certificate fits").to_vec()
}
