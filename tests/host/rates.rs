//! Limits that protect the CA: certificates an hour for a key, a name and a source, and free space on the disk.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use minipki_ca::{Enrolment, IssueRequest, Policy, RateLimits, Refused, Source};
use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_core::wire::Code;
use minipki_tests::ca::{TestAuthority, at, classic, proven};
use minipki_tests::program::{Running, run, start};
use minipki_tests::server::{Outcome, PROVEN, enrol, pair, soon};
use tempfile::TempDir;
use tokio::net::TcpStream;

const NOW: u64 = 1_800_000_000;
const TWO: Option<NonZeroU32> = NonZeroU32::new(2);

fn authority(rates: RateLimits) -> TestAuthority {
    TestAuthority::new(Policy { enrolment: Enrolment::Open, rates, ..Policy::default() })
}

fn from(network: &str, request: IssueRequest) -> IssueRequest {
    let address: std::net::IpAddr = network.parse().expect("an address");
    IssueRequest { source: Some(Source::from(address)), ..request }
}

#[test]
fn a_key_has_an_hourly_limit_and_its_answers_are_still_repeated() {
    let mut ca = authority(RateLimits { key: TWO, ..RateLimits::NONE });
    ca.issue(proven("a", 1, None), NOW).expect("the first");
    ca.issue(proven("b", 1, None), NOW).expect("the second");
    assert_eq!(ca.issue(proven("c", 1, None), NOW), Err(Refused::RateLimited));
    assert!(ca.issue(proven("a", 1, None), NOW).expect("known").repeated);
    ca.issue(proven("c", 2, None), NOW).expect("another key");
    ca.issue(proven("d", 1, None), NOW + 3600).expect("an hour later");
    // A request without a proof does not count for the key.
    for name in ["e", "f", "g", "h"] {
        ca.issue(classic(name, 3), NOW).expect("the key is not proven");
    }
    ca.issue(proven("i", 3, None), NOW).expect("the first proven one");
}

#[test]
fn a_name_has_an_hourly_limit() {
    let mut ca = authority(RateLimits { name: TWO, ..RateLimits::NONE });
    let tokens = ["one", "two", "three"].map(|text| ca.add_token(text, "a", NOW));
    ca.issue(proven("a", 1, Some(tokens[0])), NOW).expect("the first");
    ca.issue(proven("a", 2, Some(tokens[1])), NOW).expect("the second");
    assert_eq!(ca.issue(proven("a", 3, Some(tokens[2])), NOW), Err(Refused::RateLimited));
    assert_eq!(ca.reader().counts(at(NOW)).expect("counted").live_tokens, 1, "the token is still unused");
    ca.issue(proven("b", 3, None), NOW).expect("another name");
}

#[test]
fn a_source_has_an_hourly_limit_also_within_a_batch() {
    let mut ca = authority(RateLimits { source: TWO, ..RateLimits::NONE });
    let requests = [
        from("192.0.2.1", proven("a", 1, None)),
        from("192.0.2.1", proven("a", 1, None)),
        from("::ffff:192.0.2.1", proven("b", 2, None)),
        from("192.0.2.1", proven("c", 3, None)),
        from("192.0.2.2", proven("c", 3, None)),
        proven("d", 4, None),
    ];
    let answers: Vec<_> =
        ca.authority.issue_many(&requests, at(NOW)).into_iter().map(|a| a.map(drop)).collect();
    assert_eq!(answers, [Ok(()), Ok(()), Ok(()), Err(Refused::RateLimited), Ok(()), Ok(())]);
    let network = |host: &str, name, byte| from(&format!("2001:db8::{host}"), proven(name, byte, None));
    ca.issue(network("1", "e", 5), NOW).expect("the first");
    ca.issue(network("2", "f", 6), NOW).expect("the second");
    assert_eq!(ca.issue(network("3", "g", 7), NOW), Err(Refused::RateLimited), "all are in one /64");
}

#[test]
fn a_batch_that_was_not_recorded_does_not_count() {
    let no_space = Policy {
        min_free: u64::MAX,
        rates: RateLimits { name: TWO, ..RateLimits::NONE },
        ..Policy::default()
    };
    let mut ca = TestAuthority::on_disk(no_space);
    // If unrecorded batches counted, the third would be refused for the name.
    for _ in 0..3 {
        assert_eq!(ca.issue(proven("a", 1, None), NOW), Err(Refused::Busy));
    }
    assert_eq!(ca.reader().counts(at(NOW)).expect("counted").certificates, 0);
}

/// A CA that serves with different limits.
struct Ca {
    folder: TempDir,
    anchor: Anchor,
}

impl Ca {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
        let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("the CA's anchor");
        Self { folder, anchor: Anchor::decode(Portable::new(), &anchor).expect("a good anchor") }
    }

    fn serve(&self, limits: &[&str]) -> (Running, String) {
        let serve = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
        let folder: &Path = self.folder.path();
        let mut server = start(folder, &[&serve, limits].concat());
        let address = server.address("serving");
        (server, address)
    }

    async fn ask(&self, address: &str, name: &str, byte: u8) -> Outcome {
        let mut stream = soon(TcpStream::connect(address)).await.expect("a connection");
        soon(enrol(&mut stream, &self.anchor, name, &pair(byte), PROVEN)).await.expect("an answer")
    }
}

#[tokio::test]
async fn the_program_keeps_its_limits_and_repeats_answers_beyond_them() {
    let ca = Ca::new();
    let (server, address) = ca.serve(&["--source-limit", "1"]);
    let alice = ca.ask(&address, "alice", 1).await.granted();
    assert_eq!(ca.ask(&address, "bob", 2).await.refused(), Code::RateLimited);
    assert_eq!(ca.ask(&address, "alice", 1).await.granted(), alice);
    server.stop().expect(0);

    // No disk has so much free space.
    let (server, address) = ca.serve(&["--min-free", "99999999999"]);
    for _ in 0..3 {
        assert_eq!(ca.ask(&address, "bob", 2).await.refused(), Code::Busy);
    }
    assert_eq!(ca.ask(&address, "alice", 1).await.granted(), alice);
    let log = server.stop().expect(0).stderr;
    let lines = log.lines().filter(|line| line.contains("nothing can be issued for now")).count();
    assert_eq!(lines, 1, "{log}");
    assert!(log.contains("free some space"), "{log}");

    let (server, address) = ca.serve(&["--source-limit", "0", "--min-free", "0"]);
    for (name, byte) in [("bob", 2), ("carol", 3)] {
        ca.ask(&address, name, byte).await.granted();
    }
    server.stop().expect(0);
}
