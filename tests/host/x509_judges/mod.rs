//! Programs of others judge the X.509 certificates and lists that the built program issues.
//!
//! Each finding must be in `exceptions.txt` with its reason. An exception that does not occur any more is an error, too.
//! `cargo xtask judges` installs the programs and runs this test.

mod gnutls;
mod issued;
mod nss;
mod pkilint;

use std::collections::{BTreeMap, BTreeSet};

use minipki_tests::program::Done;

use self::issued::Issued;

const EXCEPTIONS: &str = include_str!("exceptions.txt");

const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

/// The findings of all judges, so that one run shows them all.
struct Judgement {
    /// The exceptions by judge, object and finding, with their reasons. The object `*` stands for all objects.
    exceptions: BTreeMap<[&'static str; 3], &'static str>,
    used: BTreeSet<[&'static str; 3]>,
    problems: Vec<String>,
}

impl Judgement {
    /// The exceptions. A line is `judge object finding: reason`.
    fn new() -> Self {
        let lines = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let exceptions = lines.map(|line| {
            let (key, reason) = line.split_once(": ").expect("a reason");
            let key: Vec<_> = key.split(' ').collect();
            (key.try_into().unwrap_or_else(|_| panic!("three words before the colon: {line}")), reason)
        });
        Self { exceptions: exceptions.collect(), used: BTreeSet::new(), problems: Vec::new() }
    }

    /// A judge must accept an object, or refuse it.
    fn expect(
        &mut self,
        [judge, object]: [&str; 2],
        good: bool,
        done: &Done,
        reason: impl FnOnce(&Done) -> String,
    ) {
        if (done.code == Some(0)) != good {
            let finding = if good { "refused" } else { "accepted" };
            let reason = reason(done);
            self.finding([judge, object, finding], &reason);
        }
    }

    /// A finding with its details.
    fn finding(&mut self, [judge, object, finding]: [&str; 3], details: &str) {
        let same = |key: &&[&'static str; 3]| {
            [judge, finding] == [key[0], key[2]] && [object, "*"].contains(&key[1])
        };
        match self.exceptions.keys().find(same) {
            Some(key) => {
                self.used.insert(*key);
            }
            None => self.problems.push(format!("{judge} {object} {finding}: {details}")),
        }
    }

    fn end(mut self) {
        let unused = self.exceptions.iter().filter(|(key, _)| !self.used.contains(*key));
        self.problems
            .extend(unused.map(|(key, reason)| format!("not needed any more: {}: {reason}", key.join(" "))));
        assert!(self.problems.is_empty(), "{}", self.problems.join("\n"));
    }
}

#[test]
fn other_programs_find_no_fault_in_what_the_ca_issues() {
    let issued = Issued::new();
    let mut judgement = Judgement::new();
    gnutls::judge(&issued, &mut judgement);
    nss::judge(&issued, &mut judgement);
    pkilint::judge(&issued, &mut judgement);
    judgement.end();
}
