//! RSASSA-PSS with SHA-256 over a message as long as a certificate, including the hash, beside other implementations.
//!
//! Salts are as long as the modulus allows. ring's salts always have 32 bytes.

use aws_lc_rs::signature::{self as aws, RsaPssSaltLength};
use minipki_benches::fixture::{RsaKey, SIZES, rng};
use minipki_benches::{Contender, Suite, note, run};
use minipki_core::crypto::rsa::{KeySize, SaltLength};
use minipki_core::crypto::{Hash, Portable, VerifySignature};
use minipki_keys::SignerKind;
use minipki_provider::HostProvider;
use openssl::md::Md;
use openssl::pkey::{HasPublic, PKey};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha::sha256;
use openssl::sign::RsaPssSaltlen;
use rand_core::Rng;
use ring::signature as ring;
use rsa::Pss;
use rsa::sha2::Sha256;

const MESSAGE: [u8; 900] = [0x5a; 900];

static AWS_SIGN: aws::RsaSignatureEncoding = aws::RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
static AWS_VERIFY: aws::RsaParameters =
    aws::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

fn digest() -> [u8; 32] {
    Portable::new().sha256(&[&MESSAGE])
}

fn padding(size: KeySize) -> Pss<Sha256> {
    Pss::new_with_salt(size.max_salt())
}

/// A context of OpenSSL for PSS with the longest salt.
fn openssl_pss<T: HasPublic>(
    key: &PKey<T>,
    ready: impl FnOnce(&mut PkeyCtx<T>) -> Result<(), openssl::error::ErrorStack>,
) -> PkeyCtx<T> {
    let mut context = PkeyCtx::new(key).expect("a context");
    ready(&mut context).expect("RSA is known");
    context.set_rsa_padding(Padding::PKCS1_PSS).expect("PSS is known");
    context.set_signature_md(Md::sha256()).expect("SHA-256 is known");
    context.set_rsa_pss_saltlen(RsaPssSaltlen::MAXIMUM_LENGTH).expect("any key has a longest salt");
    context
}

fn sign(suite: &mut Suite) {
    for size in SIZES {
        let group = format!("RSA-{} sign", size.bits());
        if !suite.wants(&group) {
            continue;
        }
        let key = RsaKey::new(size, 0);
        let public = key.public();
        // The core verifies each signature: PSS with a salt of 32 bytes or more.
        let check = |signature: Vec<u8>| {
            public.verify_pss(&digest(), &signature, SaltLength::AtLeast(32)).expect("a good signature");
        };

        let aws_key = aws::RsaKeyPair::from_pkcs8(&key.pkcs8).expect("the same key");
        let aws_random = aws_lc_rs::rand::SystemRandom::new();
        let aws = || {
            let mut out = vec![0; size.bytes()];
            aws_key.sign(&AWS_SIGN, &aws_random, &MESSAGE, &mut out).expect("it signs");
            out
        };

        // Only the last signature of a batch is checked here: the signer verifies all of them.
        let port = |batch: usize| {
            let mut signer = SignerKind::default().load(&key.pem()).expect("the same key");
            move || {
                let signatures = signer
                    .sign_many(minipki_ca::SignatureAlgorithm::RsaPss, &vec![MESSAGE.as_slice(); batch])
                    .expect("it signs");
                assert_eq!(signatures.len(), batch);
                signatures[batch - 1].as_bytes().to_vec()
            }
        };

        let (mut ours, mut random) = (key.ours(), rng(1));
        let portable = move || {
            let (mut salt, mut out) = (vec![0; size.max_salt()], vec![0; size.bytes()]);
            random.fill_bytes(&mut salt);
            ours.sign_pss(&digest(), &salt, &mut random, &mut out).expect("it signs");
            out
        };

        let openssl_key = PKey::private_key_from_pkcs8(&key.pkcs8).expect("the same key");
        let mut context = openssl_pss(&openssl_key, |context| context.sign_init());
        let openssl = move || {
            let mut out = vec![0; size.bytes()];
            context.sign(&sha256(&MESSAGE), Some(&mut out)).expect("it signs");
            out
        };

        let ring_key = ring::RsaKeyPair::from_pkcs8(&key.pkcs8).expect("the same key");
        let ring_random = ::ring::rand::SystemRandom::new();
        let ring = || {
            let mut out = vec![0; size.bytes()];
            ring_key.sign(&ring::RSA_PSS_SHA256, &ring_random, &MESSAGE, &mut out).expect("it signs");
            out
        };

        let mut random = rng(1);
        let rsa = || key.theirs.sign_with_rng(&mut random, padding(size), &digest()).expect("it signs");

        let mut contenders = vec![
            Contender::new("aws-lc-rs", aws, check),
            Contender::new("minipki, one through the signer's port", port(1), check),
        ];
        // Without AVX-512 IFMA, the port signs one message at a time.
        if SignerKind::Batch.load(&key.pem()).is_ok() {
            contenders.push(Contender::new("minipki, batch of 8", port(8), check).of(8));
        }
        contenders.extend([
            Contender::new("minipki, portable", portable, check),
            Contender::new("OpenSSL", openssl, check),
            Contender::new("ring", ring, check),
            Contender::new("rsa", rsa, check),
        ]);
        suite.compare(&group, contenders);
    }
}

fn verify(suite: &mut Suite) {
    for size in SIZES {
        let group = format!("RSA-{} verify", size.bits());
        if !suite.wants(&group) {
            continue;
        }
        let key = RsaKey::new(size, 0);
        let sign =
            |padding| key.theirs.sign_with_rng(&mut rng(2), padding, &digest()).expect("the salt fits");
        let (signature, short) = (sign(padding(size)), sign(Pss::new_with_salt(32)));
        let accepted = |accepted: bool| assert!(accepted, "a good signature is refused");

        let public = key.public();
        let salt = SaltLength::Exactly(size.max_salt());
        let chosen = || {
            let digest = HostProvider::default().sha256(&[&MESSAGE]);
            HostProvider::default().verify_pss_sha256(&public, &digest, &signature, salt).is_ok()
        };
        let portable = || public.verify_pss(&digest(), &signature, salt).is_ok();

        let pkcs1 = {
            use rsa::pkcs1::EncodeRsaPublicKey;
            key.theirs.to_public_key().to_pkcs1_der().expect("a key that was made whole").into_vec()
        };
        let aws_key = aws::ParsedPublicKey::new(&AWS_VERIFY, &pkcs1).expect("the same key");
        let aws = || aws_key.verify_sig(&MESSAGE, &signature).is_ok();

        let openssl_key = PKey::public_key_from_der(&key.spki()).expect("the same key");
        let mut context = openssl_pss(&openssl_key, |context| context.verify_init());
        let openssl = || context.verify(&sha256(&MESSAGE), &signature).expect("it verifies");

        let ring_key = ring::UnparsedPublicKey::new(&ring::RSA_PSS_2048_8192_SHA256, &pkcs1);
        let ring = || ring_key.verify(&MESSAGE, &short).is_ok();

        let rsa = || key.theirs.as_public_key().verify(padding(size), &digest(), &signature).is_ok();

        suite.compare(
            &group,
            vec![
                Contender::new("aws-lc-rs", aws, accepted),
                Contender::new("minipki", chosen, accepted),
                Contender::new("minipki, portable", portable, accepted),
                Contender::new("OpenSSL", openssl, accepted),
                Contender::new("ring", ring, accepted),
                Contender::new("rsa", rsa, accepted),
            ],
        );
    }
}

fn main() {
    note("OpenSSL", openssl::version::version());
    run(&[sign, verify]);
}
