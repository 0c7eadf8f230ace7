//! RSA beside the `rsa` crate: the same keys, digests and salts, as long as the modulus allows.

use criterion::Criterion;
use minipki_benches::compare;
use minipki_core::crypto::rsa::{KeySize, PrivateKey, SaltLength};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rsa::Pss;
use rsa::pkcs8::EncodePrivateKey;
use rsa::sha2::Sha256;

const DIGEST: [u8; 32] = [0x5a; 32];

fn bench(criterion: &mut Criterion, size: KeySize) {
    let (bits, salt_len) = (size.bits(), size.max_salt());
    let rng = || ChaCha20Rng::seed_from_u64(bits as u64);
    let theirs = rsa::PrivateKey::new(&mut rng(), bits).expect("a key");
    let der = theirs.to_pkcs8_der().expect("a key that was made whole");
    let import = || PrivateKey::from_pkcs8_der(der.as_bytes()).expect("the same key");
    let mut ours = import();
    let public = ours.public().clone();

    let salt = vec![0xa5; salt_len];
    let mut signature = vec![0; size.bytes()];
    ours.sign_pss(&DIGEST, &salt, &mut rng(), &mut signature).expect("ours signs");

    let verify_ours = |signature: &[u8]| {
        public.verify_pss(&DIGEST, signature, SaltLength::Exactly(salt_len)).expect("ours verifies");
    };
    let verify_theirs = |signature: &[u8]| {
        let padding = Pss::<Sha256>::new_with_salt(salt_len);
        theirs.as_public_key().verify(padding, &DIGEST, signature).expect("theirs verifies");
    };
    let (mut rng_ours, mut rng_theirs, mut out) = (rng(), rng(), vec![0; size.bytes()]);
    // No signature leaves either key without having been verified.
    let mut sign_ours = || {
        ours.sign_pss(&DIGEST, &salt, &mut rng_ours, &mut out).expect("ours signs");
    };
    let sign_theirs = |rng: &mut ChaCha20Rng| {
        let padding = Pss::<Sha256>::new_with_salt(salt_len);
        theirs.sign_with_rng(rng, padding, &DIGEST).expect("theirs signs")
    };
    // Each is given what the other made, before anything is timed.
    verify_theirs(&signature);
    verify_ours(&sign_theirs(&mut rng_theirs));

    compare(
        criterion,
        &format!("RSA-{bits} verify"),
        &mut [("minipki", &mut || verify_ours(&signature)), ("rsa", &mut || verify_theirs(&signature))],
    );
    compare(
        criterion,
        &format!("RSA-{bits} sign"),
        &mut [("minipki", &mut sign_ours), ("rsa", &mut || drop(sign_theirs(&mut rng_theirs)))],
    );
    compare(criterion, &format!("RSA-{bits} import"), &mut [("minipki", &mut || drop(import()))]);
}

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    for size in [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096] {
        bench(&mut criterion, size);
    }
    criterion.final_summary();
}
