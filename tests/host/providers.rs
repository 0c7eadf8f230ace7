//! The AWS-LC provider alone and with the portable provider, in the library and in the program.

use minipki_core::crypto::rsa::{self, KeySize, SaltLength};
use minipki_core::crypto::{Hash, Portable, VerifySignature};
use minipki_fixtures::providers::sessions::{channel, enrolment, revocation};
use minipki_fixtures::rsa_keys::{private, public, rng};
use minipki_provider::AwsLc;
use minipki_tests::program::{run, start};
use tempfile::TempDir;

use super::cli::served;

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
fn revocation_and_status_between_the_providers() {
    revocation::<AwsLc, AwsLc>();
    revocation::<AwsLc, Portable>();
    revocation::<Portable, AwsLc>();
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

/// AWS-LC checks only the longest salt. For every salt and every error, the result must be that of the core.
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
            // AWS-LC caches the last key. Another key must not use the cached one.
            let other = public(if size == KeySize::Bits2048 { KeySize::Bits3072 } else { KeySize::Bits2048 });
            let salt = SaltLength::Exactly(other.size().max_salt());
            let theirs = AwsLc.verify_pss_sha256(&other, &digest, signature, salt);
            assert_eq!(theirs, other.verify_pss(&digest, signature, salt), "{size:?}");
            assert!(theirs.is_err());
        }
    }
}

#[test]
fn different_providers_enrol_and_talk_to_each_other() {
    let (folder, _server, ca) = served(&["--provider", "portable"]);
    let (at, anchor) = (folder.path(), "ca/anchor.json");
    for (name, provider) in [("alice", "aws-lc"), ("bob", "portable")] {
        let enroll = ["enroll", "--provider", provider, "--ca", &ca, "--anchor", anchor];
        run(at, &[&enroll[..], &["--subject", name, "--out", name]].concat()).expect(0);
        run(at, &["verify", "--provider", provider, "--anchor", anchor, &format!("{name}/certificate.json")])
            .expect(0);
    }
    for (ours, theirs) in [("aws-lc", "portable"), ("portable", "aws-lc")] {
        let listen =
            ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once", "--provider", theirs];
        let mut listener = start(at, &[&listen[..], &["--expect", "hello", "--send", "and you"]].concat());
        let peer = listener.address("listening");
        let connect = ["connect", "--identity", "alice", "--peer", &peer, "--provider", ours];
        let connected =
            run(at, &[&connect[..], &["--send", "hello", "--expect", "and you"]].concat()).expect(0);
        assert_eq!(connected.stdout, "and you\n");
        listener.wait().expect(0);
    }
}

#[test]
fn an_unknown_provider_is_a_usage_error_that_names_the_known_ones() {
    let folder = TempDir::new().expect("a folder for the test");
    let refused = run(folder.path(), &["--provider", "abacus", "demo"]).expect(2);
    assert!(refused.stderr.contains("aws-lc") && refused.stderr.contains("portable"), "{}", refused.stderr);
}
