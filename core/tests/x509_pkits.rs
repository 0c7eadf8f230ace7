//! NIST PKITS, the cases of RFC 5280 §6.1 without revocation, by the algorithm of §6.1 alone.

use std::path::Path;

use minipki_core::encoding::der::Oid;
use minipki_core::time::Now;
use minipki_core::x509::{Certificate, PathValidator, Profile, TrustAnchor, WorkSpace};
use serde_json::Value;

use crate::x509_algorithms::ALGORITHMS;

/// The variable with the path of the folder `nist_pkits`, as in the sources of pyhanko-certvalidator.
const FOLDER: &str = "MINIPKI_PKITS";

/// A time within the validity of the suite's certificates.
const NOW: &str = "2022-06-15T12:00:00+00:00";

/// The cases with another verdict, each with its reason.
const EXCEPTIONS: [(&str, &str); 7] = [
    ("valid_dsa_signatures_test4", "DSA is not accepted"),
    ("valid_dsa_parameter_inheritance_test5", "DSA is not accepted"),
    ("invalid_basic_self_issued_old_with_new_test2", "the verdict is by a CRL"),
    ("invalid_basic_self_issued_new_with_old_test5", "the verdict is by a CRL"),
    ("invalid_basic_self_issued_crl_signing_key_test7", "the verdict is by a CRL"),
    ("invalid_keyusage_critical_crlsign_false_test4", "the verdict is by a CRL"),
    ("invalid_keyusage_not_critical_crlsign_false_test5", "the verdict is by a CRL"),
];

#[test]
fn each_path_has_the_verdict_of_the_suite() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        println!("{FOLDER} is not set: PKITS is not run");
        return;
    };
    let folder = Path::new(&folder);
    let text = std::fs::read_to_string(folder.join("pkits.json")).expect("pkits.json");
    let cases: Value = serde_json::from_str(&text).expect("JSON");
    let (mut run_count, mut exception_count, mut problems) = (0, 0, Vec::new());
    for case in cases.as_array().expect("cases") {
        // Sections 4.4, 4.14 and 4.15 are about CRLs, and so are some cases of the others.
        if case["revocation"] == true
            || ["404", "414", "415"].iter().any(|section| id(case).starts_with(section))
        {
            continue;
        }
        run_count += 1;
        let name = case["name"].as_str().expect("a name");
        let (verdict, expected) = (run(folder, case), case["error"].is_null());
        let exception = EXCEPTIONS.iter().any(|(exception, _)| *exception == name);
        exception_count += usize::from(exception);
        if (verdict.is_ok() == expected) == exception {
            problems.push(format!("{name}: {verdict:?}, {:?}", case["error"]["msg_regex"]));
        }
    }
    println!("PKITS: {run_count} cases without revocation, {exception_count} of them are exceptions");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn id(case: &Value) -> &str {
    case["id"].as_str().expect("id")
}

fn run(folder: &Path, case: &Value) -> Result<(), String> {
    let read = |name: &str| std::fs::read(folder.join("certs").join(name)).expect("a certificate");
    let (anchor, leaf) = (read("TrustAnchorRootCertificate.crt"), read(case["cert"].as_str().expect("cert")));
    let pool: Vec<Vec<u8>> = case["other_certs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| read(name.as_str().expect("a file")))
        .collect();
    let anchor = Certificate::parse(&anchor).expect("the trust anchor");
    let anchors = [TrustAnchor::new(*anchor.subject(), *anchor.public_key())];
    let leaf = Certificate::parse(&leaf).map_err(|error| error.to_string())?;
    let pool: Vec<Certificate<'_>> = pool
        .iter()
        .map(|der| Certificate::parse(der))
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    let accepted: Option<Vec<Vec<u8>>> = case["params"]["user_initial_policy_set"]
        .as_array()
        .map(|oids| oids.iter().map(|oid| encode(oid.as_str().expect("an OID"))).collect());
    let accepted: Option<Vec<Oid<'_>>> =
        accepted.as_ref().map(|oids| oids.iter().map(|oid| Oid::from_contents(oid)).collect());

    let mut validator = PathValidator::new(ALGORITHMS, Now::Exact(NOW.parse().expect("a time")));
    validator.profile = Profile::PATH;
    validator.policies.accepted = accepted.as_deref();
    validator.policies.require_explicit = case["params"]["initial_explicit_policy"] == true;
    validator.policies.inhibit_mapping = case["params"]["initial_policy_mapping_inhibit"] == true;
    validator.policies.inhibit_any = case["params"]["initial_any_policy_inhibit"] == true;
    let mut space = WorkSpace::new();
    validator.validate(&leaf, &pool, &anchors, &mut space).map(drop).map_err(|error| error.to_string())
}

/// The contents of an OBJECT IDENTIFIER.
fn encode(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().expect("an arc")).collect();
    let mut contents = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut bytes = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            bytes.insert(0, 0x80 | (rest & 0x7f) as u8);
            rest >>= 7;
        }
        contents.extend(bytes);
    }
    contents
}
