//! The work of a CA for a certificate, in process: apply the policy, sign, record in a ledger on the disk. Beside it the
//! signatures alone.

use std::cell::RefCell;

use minipki_benches::fixture::{Ca, IssuingCa, check, request};
use minipki_benches::{Contender, Suite, run};
use minipki_core::crypto::rsa::KeySize;
use minipki_keys::SignerKind;

const BATCHES: [u32; 3] = [1, 16, 64];

fn issue(suite: &mut Suite) {
    let issuing_ca = RefCell::new(IssuingCa::new(SignerKind::default(), 0));
    let ca = Ca::new(KeySize::Bits2048);
    let signer = RefCell::new(SignerKind::default().load(&ca.key.pem()).expect("a sound key"));
    let message = ca.certificate("as-long-as-what-is-signed", [0x42; 32]);
    let next = RefCell::new(0..);
    for batch in BATCHES {
        let contenders = || {
            let sign = || {
                let messages = vec![message.as_slice(); batch as usize];
                signer
                    .borrow_mut()
                    .sign_many(minipki_ca::SignatureAlgorithm::RsaPss, &messages)
                    .expect("it signs")
                    .len()
            };
            let requests =
                || next.borrow_mut().by_ref().take(batch as usize).map(request).collect::<Vec<_>>();
            let issue = |requests: Vec<_>| {
                let issued = issuing_ca.borrow_mut().issue(&requests);
                (requests, issued)
            };
            vec![
                Contender::new("signature alone", sign, |made| assert_eq!(made, batch as usize)).of(batch),
                Contender::prepared("issue", requests, issue, |(requests, issued)| check(&requests, &issued))
                    .of(batch),
            ]
        };
        suite.compare(&format!("issue {batch} at a time, CPU per certificate"), contenders());
        suite.compare_waiting(&format!("issue {batch} at a time, time per certificate"), contenders());
    }
}

fn main() {
    run(&[issue]);
}
