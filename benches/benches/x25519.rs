//! X25519 beside other implementations: a new key pair, and the secret that it shares with a peer.

use aws_lc_rs::agreement as aws;
use getrandom::{SysRng, rand_core::UnwrapErr};
use minipki_benches::fixture::key;
use minipki_benches::{Contender, Suite, run};
use minipki_core::bytes::Secret;
use minipki_core::crypto::{KeyPair, Portable, Provider};
use minipki_provider::HostProvider;
use openssl::pkey::{Id, PKey};
use openssl::pkey_ctx::PkeyCtx;
use ring::agreement as ring;
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::Dh;

fn snow_dh() -> Box<dyn Dh> {
    DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("snow has X25519")
}

fn fresh<'a, P: Provider + 'a>(name: &str, provider: P) -> Contender<'a> {
    let work = move || *KeyPair::generate(provider, &mut UnwrapErr(SysRng)).public().as_bytes();
    Contender::new(name, work, assert_not_zero)
}

/// Panics for zero, which is no public key and no shared secret.
fn assert_not_zero(public: [u8; 32]) {
    assert_ne!(public, [0; 32]);
}

fn key_pair(suite: &mut Suite) {
    let fixed = |public: &[u8]| public.try_into().expect("32 bytes");
    let aws = move || {
        let pair = aws::PrivateKey::generate(&aws::X25519).expect("a key");
        fixed(pair.compute_public_key().expect("its public key").as_ref())
    };
    let ring_random = ::ring::rand::SystemRandom::new();
    let ring = move || {
        let pair = ring::EphemeralPrivateKey::generate(&ring::X25519, &ring_random).expect("a key");
        fixed(pair.compute_public_key().expect("its public key").as_ref())
    };
    let openssl = move || fixed(&PKey::generate_x25519().expect("a key").raw_public_key().expect("32 bytes"));
    let mut snow_random = DefaultResolver.resolve_rng().expect("snow has a generator");
    let snow = move || {
        let mut pair = snow_dh();
        pair.generate(&mut *snow_random).expect("a key");
        fixed(pair.pubkey())
    };
    suite.compare(
        "X25519 key pair",
        vec![
            fresh("minipki", HostProvider::default()),
            fresh("minipki, portable", Portable::new()),
            Contender::new("aws-lc-rs", aws, assert_not_zero),
            Contender::new("OpenSSL", openssl, assert_not_zero),
            Contender::new("ring", ring, assert_not_zero),
            Contender::new("snow", snow, assert_not_zero),
        ],
    );
}

fn agreement(suite: &mut Suite) {
    let ours = KeyPair::from_secret(Portable::new(), Secret::new(key(1)));
    let peer = KeyPair::from_secret(Portable::new(), Secret::new(key(2)));
    let (secret, public) = (*ours.secret().expose(), *peer.public().as_bytes());
    let shared = *peer.agree(ours.public().as_bytes()).expect("full order").expose();
    let check = |agreed: [u8; 32]| assert_eq!(agreed, shared);

    let aws_key = aws::PrivateKey::from_private_key(&aws::X25519, &secret).expect("a key");
    let aws = || {
        let peer = aws::UnparsedPublicKey::new(&aws::X25519, public);
        aws::agree(&aws_key, peer, (), |agreed| agreed.try_into().map_err(drop)).expect("full order")
    };

    let openssl_key = PKey::private_key_from_raw_bytes(&secret, Id::X25519).expect("a key");
    let openssl = || {
        let peer = PKey::public_key_from_raw_bytes(&public, Id::X25519).expect("a key");
        let mut context = PkeyCtx::new(&openssl_key).expect("a context");
        context.derive_init().expect("X25519 agrees");
        context.derive_set_peer(&peer).expect("a key of the same kind");
        let mut agreed = [0; 32];
        context.derive(Some(&mut agreed)).expect("full order");
        agreed
    };

    // A key of ring is new and makes one agreement only. So the shared secret is not known in advance.
    let ring_random = ::ring::rand::SystemRandom::new();
    let fresh = || ring::EphemeralPrivateKey::generate(&ring::X25519, &ring_random).expect("a key");
    let ring = |key| {
        let peer = ring::UnparsedPublicKey::new(&ring::X25519, public);
        ring::agree_ephemeral(key, &peer, |agreed| agreed.try_into().expect("32 bytes")).expect("full order")
    };

    let mut snow_key = snow_dh();
    snow_key.set(&secret);
    let snow = || {
        let mut agreed = [0; 32];
        snow_key.dh(&public, &mut agreed).expect("full order");
        agreed
    };

    suite.compare(
        "X25519 agreement",
        vec![
            agree("minipki", HostProvider::default(), secret, public, shared),
            agree("minipki, portable", Portable::new(), secret, public, shared),
            Contender::new("aws-lc-rs", aws, check),
            Contender::new("OpenSSL", openssl, check),
            Contender::prepared("ring", fresh, ring, assert_not_zero),
            Contender::new("snow", snow, check),
        ],
    );
}

fn agree<P: Provider + 'static>(
    name: &str,
    provider: P,
    secret: [u8; 32],
    public: [u8; 32],
    shared: [u8; 32],
) -> Contender<'static> {
    let ours = KeyPair::from_secret(provider, Secret::new(secret));
    let work = move || ours.agree(&public).expect("full order");
    Contender::new(name, work, move |agreed| assert_eq!(*agreed.expose(), shared))
}

fn main() {
    run(&[key_pair, agreement]);
}
