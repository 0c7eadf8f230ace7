//! Random paths: each disagreement of the core with rustls-webpki or OpenSSL has a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

use minipki_core::x509::Profile;

use crate::mutations::Mutator;
use crate::validators::{Answer, Question};

/// The kinds of disagreements with their reasons. A line is `validator accepts CHECK: reason`, where CHECK is the check of the
/// core that fails, or `validator refuses ERROR: reason`, where ERROR is the validator's error.
const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// The sign of an exception that only longer runs need.
const LONG: char = '+';

const SEED: u64 = 1;

/// The number of paths. [`COUNT_NAME`] sets another one.
const COUNT: usize = 10_000;
const COUNT_NAME: &str = "MINIPKI_DIFFERENTIAL";

/// The kind of a disagreement, if there is one.
fn disagreement(validator: &str, ours: &Answer, theirs: &Answer) -> Option<String> {
    match (ours, theirs) {
        (Ok(()), Err(error)) => Some(format!("{validator} refuses {error}")),
        (Err(check), Ok(())) => Some(format!("{validator} accepts {check}")),
        _ => None,
    }
}

/// Whether a kind is that of an exception, in which a word may end with `*`.
fn is_kind(kind: &str, pattern: &str) -> bool {
    let is_word = |(word, pattern): (&str, &str)| match pattern.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == pattern,
    };
    kind.split(' ').count() == pattern.split(' ').count()
        && kind.split(' ').zip(pattern.split(' ')).all(is_word)
}

/// Writes the certificates of a path to a file, one after the other, the trust anchor last.
fn kept(question: &Question, name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let ders = [&question.leaf].into_iter().chain(&question.intermediates).chain(&question.roots);
    fs::write(&file, ders.flatten().copied().collect::<Vec<_>>()).expect("written");
    file
}

#[test]
fn each_disagreement_about_a_random_path_has_a_reason() {
    let count = env::var(COUNT_NAME).map_or(COUNT, |text| text.parse().expect("a number of paths"));
    let lines = EXCEPTIONS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let exceptions: BTreeMap<&str, &str> =
        lines.map(|line| line.split_once(": ").expect("a reason")).collect();
    let (mut used, mut problems, mut accepted) = (BTreeSet::new(), BTreeMap::new(), 0);
    let mut mutator = Mutator::new(SEED);
    for number in 0..count {
        let (question, log) = mutator.next();
        // OpenSSL checks the duties of CAs, and rustls-webpki does not.
        let (whole, path) = (question.core(Profile::RFC5280), question.core(Profile::PATH));
        accepted += usize::from(whole.is_ok());
        for kind in [
            disagreement("OpenSSL", &whole, &question.openssl()),
            disagreement("rustls-webpki", &path, &question.webpki()),
        ] {
            let Some(kind) = kind else { continue };
            match exceptions.keys().find(|pattern| is_kind(&kind, pattern.trim_start_matches(LONG))) {
                Some(pattern) => _ = used.insert(*pattern),
                None => {
                    let first = |kind: &String| {
                        let file = kept(&question, &kind.replace(' ', "_"));
                        (0, format!("path {number} ({log}) in {}", file.display()))
                    };
                    problems.entry(kind).or_insert_with_key(first).0 += 1;
                }
            }
        }
    }
    println!("{count} paths, {accepted} accepted");
    let mut problems: Vec<_> = problems
        .iter()
        .map(|(kind, (times, first))| format!("{kind}: {times} times, first {first}"))
        .collect();
    // Fewer paths do not show them all.
    let unused = exceptions.keys().filter(|pattern| !pattern.starts_with(LONG) && !used.contains(*pattern));
    let unused = unused.filter(|_| count >= COUNT);
    problems.extend(unused.map(|kind| format!("not needed any more: {kind}")));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
