//! The AWS-LC provider, alone and against the portable one.

use minipki_core::crypto::rsa::{self, KeySize, SaltLength};
use minipki_core::crypto::{Hash, Portable, VerifySignature};
use minipki_fixtures::providers::sessions::{channel, enrolment};
use minipki_fixtures::rsa_keys::{private, public, rng};
use minipki_provider::AwsLc;

minipki_fixtures::provider_tests!(minipki_provider::AwsLc);

#[test]
fn enrolment_with_itself() {
    enrolment::<AwsLc, AwsLc>();
}

#[test]
fn enrolment_at_a_portable_server() {
    enrolment::<AwsLc, Portable>();
}

#[test]
fn enrolment_of_a_portable_client() {
    enrolment::<Portable, AwsLc>();
}

#[test]
fn channel_with_itself() {
    channel::<AwsLc, AwsLc>();
}

#[test]
fn channel_to_a_portable_responder() {
    channel::<AwsLc, Portable>();
}

#[test]
fn channel_from_a_portable_initiator() {
    channel::<Portable, AwsLc>();
}

/// AWS-LC is asked about the longest salt only; whichever salt it is, and whatever is wrong, the
/// verdict is the core's.
#[test]
fn both_give_the_same_verdict_on_every_signature() {
    let digest = Portable::new().sha256(&[b"a message"]);
    for size in [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096] {
        let (key, mut room) = (public(size), [0; 512]);
        for length in [0, 31, 32, size.max_salt()] {
            let salt = vec![0x5a; length];
            let signature =
                private(size).sign_pss(&digest, &salt, &mut rng(1), &mut room).expect("a salt that fits");
            let mut changed = signature.to_vec();
            changed[100] ^= 1;
            for accepted in [SaltLength::AtLeast(32), SaltLength::Exactly(length), SaltLength::Exactly(32)] {
                for (digest, signature) in [
                    (&digest, signature),
                    (&[0; 32], signature),
                    (&digest, &changed),
                    (&digest, &signature[1..]),
                ] {
                    let verdict = AwsLc.verify_pss_sha256(&key, digest, signature, accepted);
                    assert_eq!(
                        verdict,
                        key.verify_pss(digest, signature, accepted),
                        "{size:?} {length} {accepted:?}"
                    );
                }
            }
            let ours = AwsLc.verify_pss_sha256(&key, &digest, signature, SaltLength::AtLeast(32));
            let expected = if length < 32 { Err(rsa::Error::SaltLength) } else { Ok(()) };
            assert_eq!(ours, expected, "{size:?} {length}");
            // The key that was asked about last is remembered; it is not another one.
            let other = public(if size == KeySize::Bits2048 { KeySize::Bits3072 } else { KeySize::Bits2048 });
            let salt = SaltLength::Exactly(other.size().max_salt());
            let theirs = AwsLc.verify_pss_sha256(&other, &digest, signature, salt);
            assert_eq!(theirs, other.verify_pss(&digest, signature, salt), "{size:?}");
            assert!(theirs.is_err());
        }
    }
}
