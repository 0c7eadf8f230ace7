//! Keys, signatures and what the provider computes.

use minipki_core::bytes::{self, Public, Secret};
use minipki_core::crypto::rsa::{self, KeySize, PrivateKey, PublicKey, SaltLength};
use minipki_core::crypto::{self, Aead, KeyPair, Portable, Provider};
use minipki_core::keys::Fingerprint;

use subtle::Choice;

use crate::{Port, any, bytes, keep, room, text};

/// Everything in `minipki_core::crypto` that is public.
pub(crate) fn all() {
    for key in [
        PublicKey::from_modulus(bytes()),
        PublicKey::from_spki_der(bytes()),
        PublicKey::from_spki_pem(bytes()),
    ]
    .iter()
    .flatten()
    {
        verify(key);
    }
    for mut key in
        [PrivateKey::from_pkcs1_der(bytes()), PrivateKey::from_pkcs8_der(bytes())].into_iter().flatten()
    {
        sign(&mut key);
    }
    keep(rsa::encode_pss(room(), &any([0; 32]), bytes())); // pss::encode
    agree();
    symmetric();
    keep(text().parse::<Fingerprint>());
}

fn verify(key: &PublicKey) {
    let (digest, salt) = (any([0; 32]), any(SaltLength::AtLeast(0)));
    keep(PublicKey::verify_pss(key, &digest, bytes(), salt));
    keep(PublicKey::verify_pkcs1(key, &digest, bytes()));
    keep(Portable::verify_pss_sha256(key, &digest, bytes(), salt));
    keep(PublicKey::modulus(key, room()));
    keep(PublicKey::write_spki_der(key, room()));
    keep(PublicKey::write_spki_pem(key, room()));
    keep(PublicKey::fingerprint::<Portable>(key));
    let size = PublicKey::size(key);
    keep((KeySize::bits(size), KeySize::bytes(size), KeySize::max_salt(size)));
    keep(*key == *any(key));
}

fn sign(key: &mut PrivateKey) {
    let digest = any([0; 32]);
    keep(PrivateKey::sign_pss(key, &digest, bytes(), &mut Port, room()));
    keep(PrivateKey::sign_pkcs1(key, &digest, &mut Port, room()));
    PrivateKey::with_parts(key, |parts| keep(any(parts)));
    keep(PrivateKey::public(key));
}

fn agree() {
    let (drawn, given) = (KeyPair::generate(&mut Port), KeyPair::from_secret(Secret::new(any([0; 32]))));
    for pair in [KeyPair::from_pkcs8_pem(bytes()), Ok(drawn), Ok(given)].into_iter().flatten() {
        let pair: KeyPair<Portable> = pair;
        keep(KeyPair::agree(&pair, &any([0; 32])));
        keep(KeyPair::write_pkcs8_pem(&pair, room()));
        keep((KeyPair::public(&pair), KeyPair::secret(&pair), pair.clone()));
    }
    keep(bytes::declassify(any(Choice::from(0)), Public::ProofIsRight));
    keep(crypto::is_low_order(&any([0; 32])));
    keep(crypto::is_canonical(&any([0; 32])));
}

fn symmetric() {
    let (key, nonce) = (Secret::new(any([0; 32])), any([0; 12]));
    keep(Portable::sha256(any(&[])));
    keep(Portable::hmac_sha256(bytes(), any(&[])));
    keep(Portable::hkdf_sha256(bytes(), bytes(), bytes(), room()));
    keep(Aead::seal(&key, &nonce, bytes(), room()));
    keep(Aead::open(&key, &nonce, bytes(), room(), &any([0; 16])));
}
