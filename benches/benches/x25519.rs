//! X25519 key pairs and agreement, beside snow's.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use getrandom::{SysRng, rand_core::UnwrapErr};
use minipki_benches::compare;
use minipki_core::crypto::{KeyPair, Portable};
use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::Dh;

fn snow_dh(secret: &[u8; 32]) -> Box<dyn Dh> {
    let mut dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("snow has X25519");
    dh.set(secret);
    dh
}

fn x25519(criterion: &mut Criterion) {
    let mut rng = UnwrapErr(SysRng);
    let (ours, peer) = (KeyPair::<Portable>::generate(&mut rng), KeyPair::<Portable>::generate(&mut rng));
    let snow = snow_dh(ours.secret().expose());
    let shared = *peer.agree(ours.public()).expect("full order").expose();

    compare(
        criterion,
        "x25519/key-pair",
        &mut [
            ("minipki", &mut || {
                let pair = KeyPair::<Portable>::from_secret(black_box(ours.secret()).clone());
                assert_eq!(pair.public(), ours.public());
            }),
            ("snow", &mut || assert_eq!(snow_dh(black_box(ours.secret().expose())).pubkey(), ours.public())),
        ],
    );
    compare(
        criterion,
        "x25519/agreement",
        &mut [
            ("minipki", &mut || {
                let agreed = ours.agree(black_box(peer.public())).expect("full order");
                assert_eq!(*agreed.expose(), shared);
            }),
            ("snow", &mut || {
                let mut agreed = [0; 32];
                snow.dh(black_box(peer.public()), &mut agreed).expect("full order");
                assert_eq!(agreed, shared);
            }),
        ],
    );
}

criterion_group!(benches, x25519);
criterion_main!(benches);
