//! Keys, signatures and the functions of a provider.

use minipki_core::bytes::{self, Public, Secret};
use minipki_core::crypto::rsa::{
    self, AllSizes, Error, KeySize, PrivateKey, PublicKey, Rsa2048, SaltLength, Sizes,
};
use minipki_core::crypto::{AeadKey, Hash, Kdf, KeyPair, Mac, Portable, VerifySignature, x25519};
use minipki_core::keys::{self, Fingerprint};

use subtle::Choice;

use crate::{Port, any, bytes, keep, room, text};

/// All public functions of `minipki_core::crypto`.
pub(crate) fn all() {
    rsa::<AllSizes>();
    rsa::<Rsa2048>();
    keep(rsa::encode_pss(room(), &any([0; 32]), bytes())); // pss::encode
    keep(rsa::encode_pkcs1(room(), &any([0; 32]))); // pkcs1::encode
    keep(rsa::encode_pss(room(), &any([0; 48]), bytes()));
    keep(rsa::encode_pkcs1(room(), &any([0; 64])));
    agree();
    symmetric();
    keep(text().parse::<Fingerprint>());
    keep(Fingerprint::from_typed(text()));
    keep(keys::rsa_public_integers(bytes()));
}

fn rsa<S: Sizes>() {
    let public: [Result<PublicKey<S>, Error>; 4] = [
        PublicKey::from_modulus(bytes()),
        PublicKey::from_spki_der(bytes()),
        PublicKey::from_spki_pem(bytes()),
        PublicKey::from_pkcs1_der(bytes()),
    ];
    public.iter().flatten().for_each(verify);
    let private: [Result<PrivateKey<S>, Error>; 2] =
        [PrivateKey::from_pkcs1_der(bytes()), PrivateKey::from_pkcs8_der(bytes())];
    for mut key in private.into_iter().flatten() {
        sign(&mut key);
    }
}

fn verify<S: Sizes>(key: &PublicKey<S>) {
    let (digest, salt) = (any([0; 32]), any(SaltLength::AtLeast(0)));
    keep(PublicKey::verify_pss(key, &digest, bytes(), salt));
    keep(PublicKey::verify_pkcs1(key, &digest, bytes()));
    keep(Portable::<S>::default().verify_pss_sha256(key, &digest, bytes(), salt));
    keep(PublicKey::modulus(key, room()));
    keep(PublicKey::write_spki_der(key, room()));
    keep(PublicKey::write_spki_pem(key, room()));
    keep(PublicKey::fingerprint(key, Portable::new()));
    let size = PublicKey::size(key);
    keep((KeySize::bits(size), KeySize::bytes(size), KeySize::max_salt(size)));
    keep(*key == *any(key));
}

fn sign<S: Sizes>(key: &mut PrivateKey<S>) {
    let digest = any([0; 32]);
    keep(PrivateKey::sign_pss(key, &digest, bytes(), &mut Port, room()));
    keep(PrivateKey::sign_pkcs1(key, &digest, &mut Port, room()));
    PrivateKey::with_parts(key, |parts| keep(any(parts)));
    keep(PrivateKey::public(key));
}

fn agree() {
    let portable = Portable::new();
    let drawn = KeyPair::generate(portable, &mut Port);
    let given = KeyPair::from_secret(portable, Secret::new(any([0; 32])));
    for pair in [KeyPair::from_pkcs8_pem(portable, bytes()), Ok(drawn), Ok(given)].into_iter().flatten() {
        keep(KeyPair::agree(&pair, &any([0; 32])));
        keep(KeyPair::write_pkcs8_pem(&pair, room()));
        keep((KeyPair::public(&pair), KeyPair::secret(&pair), pair.clone(), KeyPair::provider(&pair)));
    }
    keep(bytes::declassify(any(Choice::from(0)), Public::ProofIsRight));
    if let Some(key) = x25519::PublicKey::new(any([0; 32])) {
        keep((x25519::PublicKey::as_bytes(&key), x25519::PublicKey::is_low_order(&key)));
    }
}

fn symmetric() {
    let (key, nonce) = (Secret::new(any([0; 32])), any([0; 12]));
    let portable = Portable::new();
    keep(portable.sha256(any(&[])));
    keep(portable.hmac_sha256(bytes(), any(&[])));
    keep(portable.extract(bytes(), bytes()));
    keep(portable.expand(&key, bytes(), room()));
    keep(AeadKey::seal(&key, &nonce, bytes(), room()));
    keep(AeadKey::open(&key, &nonce, bytes(), room(), &any([0; 16])));
}
