//! RSA signatures against the published vectors of Wycheproof, those of PSS under each provider.

use minipki_core::crypto::rsa::{Error, PublicKey, SaltLength};
use minipki_core::crypto::{Portable, Provider};
use minipki_tests::under_each_provider;
use wycheproof::{HashFunction, Mgf, TestResult, rsa_pkcs1_verify, rsa_pss_verify};

under_each_provider! {
    pss_with_our_parameters
    pss_with_all_kinds_of_parameters
}

/// What became of the vectors of a set.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    valid: usize,
    invalid: usize,
    /// Valid under another hash or mask function, and so refused here.
    other_parameters: usize,
    /// Under a key whose exponent is not 65537: the key is refused.
    other_exponent: usize,
    /// PKCS#1 v1.5 without the NULL in DigestInfo: may be accepted, and is refused.
    missing_null: usize,
}

fn pss<P: Provider>(name: rsa_pss_verify::TestName) -> Tally {
    let mut tally = Tally::default();
    for group in rsa_pss_verify::TestSet::load(name).expect("the set").test_groups {
        let modulus = group.key.n.strip_prefix(&[0]).unwrap_or(&group.key.n);
        let key = PublicKey::from_modulus(modulus).expect("a key of our sizes");
        // The same key again as SubjectPublicKeyInfo; id-RSASSA-PSS in it stands for parameters that may differ.
        match group.der.windows(9).any(|oid| oid == b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a") {
            true => assert_eq!(PublicKey::from_spki_der(&group.der), Err(Error::KeyEncoding)),
            false => assert_eq!(PublicKey::from_spki_der(&group.der).as_ref(), Ok(&key)),
        }
        let ours = group.hash == HashFunction::Sha2_256
            && group.mgf == Mgf::Mgf1
            && group.mgf_hash == Some(HashFunction::Sha2_256);
        for test in &group.tests {
            let digest = P::sha256(&[&test.msg]);
            let verify = |salt| P::verify_pss_sha256(&key, &digest, &test.sig, salt);
            let exact = verify(SaltLength::Exactly(group.salt_size));
            match (ours, test.result) {
                (true, TestResult::Valid) => {
                    tally.valid += 1;
                    assert_eq!(exact, Ok(()), "{name:?} {}: {}", test.tc_id, test.comment);
                    assert_eq!(verify(SaltLength::AtLeast(0)), Ok(()));
                    assert_eq!(verify(SaltLength::AtLeast(group.salt_size)), Ok(()));
                    let longer = group.salt_size + 1;
                    assert_eq!(verify(SaltLength::AtLeast(longer)), Err(Error::SaltLength));
                    assert_eq!(verify(SaltLength::Exactly(longer)), Err(Error::SaltLength));
                }
                (true, TestResult::Invalid) => {
                    tally.invalid += 1;
                    assert!(exact.is_err(), "{name:?} {}: {}", test.tc_id, test.comment);
                }
                (false, TestResult::Valid) => {
                    tally.other_parameters += 1;
                    assert_eq!(exact, Err(Error::Signature));
                    assert_eq!(verify(SaltLength::AtLeast(0)), Err(Error::Signature));
                }
                _ => panic!("{name:?} {}: a verdict that this test does not know", test.tc_id),
            }
        }
    }
    tally
}

fn pkcs1(name: rsa_pkcs1_verify::TestName) -> Tally {
    let mut tally = Tally::default();
    for group in rsa_pkcs1_verify::TestSet::load(name).expect("the set").test_groups {
        assert_eq!(group.hash, HashFunction::Sha2_256);
        let key = PublicKey::from_spki_der(&group.der);
        if group.key.e.as_ref() != [1, 0, 1] {
            assert_eq!(key, Err(Error::Exponent));
            tally.other_exponent += group.tests.len();
            continue;
        }
        let key = key.expect("a key of our sizes");
        for test in &group.tests {
            let result = key.verify_pkcs1(&Portable::sha256(&[&test.msg]), &test.sig);
            match test.result {
                TestResult::Valid => {
                    tally.valid += 1;
                    assert_eq!(result, Ok(()), "{name:?} {}: {}", test.tc_id, test.comment);
                }
                TestResult::Invalid => {
                    tally.invalid += 1;
                    assert!(result.is_err(), "{name:?} {}: {}", test.tc_id, test.comment);
                }
                TestResult::Acceptable => {
                    tally.missing_null += 1;
                    assert!(test.flags.contains(&rsa_pkcs1_verify::TestFlag::MissingNull));
                    assert_eq!(result, Err(Error::Signature), "{name:?} {}: {}", test.tc_id, test.comment);
                }
            }
        }
    }
    tally
}

fn pss_with_our_parameters<P: Provider>() {
    use rsa_pss_verify::TestName::*;
    for (name, valid, invalid) in [
        (RsaPss2048Sha256Mgf1SaltLen0, 61, 42),
        (RsaPss2048Sha256Mgf1SaltLen0WithParams, 61, 42),
        (RsaPss2048Sha256Mgf1SaltLen32, 63, 45),
        (RsaPss2048Sha256Mgf1SaltLen32WithParams, 63, 45),
        (RsaPss3072Sha256Mgf1SaltLen32, 63, 45),
        (RsaPss3072Sha256Mgf1SaltLen32WithParams, 63, 45),
        (RsaPss4096Sha256Mgf1SaltLen32, 63, 45),
    ] {
        assert_eq!(pss::<P>(name), Tally { valid, invalid, ..Tally::default() }, "{name:?}");
    }
}

fn pss_with_all_kinds_of_parameters<P: Provider>() {
    use rsa_pss_verify::TestName::*;
    for name in [RsaPssmisc, RsaPssmiscWithParams] {
        assert_eq!(pss::<P>(name), Tally { valid: 6, other_parameters: 144, ..Tally::default() }, "{name:?}");
    }
}

#[test]
fn pkcs1_sha256() {
    use rsa_pkcs1_verify::TestName::*;
    for (name, invalid, other_exponent) in
        [(Rsa2048Sha256, 249, 2), (Rsa3072Sha256, 250, 1), (Rsa4096Sha256, 250, 0)]
    {
        let expected = Tally { valid: 7, invalid, other_exponent, missing_null: 1, ..Tally::default() };
        assert_eq!(pkcs1(name), expected, "{name:?}");
    }
}
