//! The CA's server under attacks on its connections, its log and its descriptors.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use minipki_core::cert::Anchor;
use minipki_core::crypto::Portable;
use minipki_tests::flood::{Attack, Flood, honest};
use minipki_tests::program::{Running, folder_with_alice, run, start, start_after};
use minipki_tests::server::{PROVEN, enrol, pair, soon};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A message of the classic form without its members.
const MALFORMED: &[u8] = b"\0\0\0\x02{}";

/// An incomplete frame.
const HALF: &[u8] = b"\0\0\0\x20{";

fn ca() -> (TempDir, Anchor) {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    let anchor = fs::read(folder.path().join("ca/anchor.json")).expect("the CA's anchor");
    let anchor = Anchor::decode(Portable::new(), &anchor).expect("a good anchor");
    (folder, anchor)
}

const SERVE: [&str; 6] = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];

fn address(server: &mut Running) -> SocketAddr {
    server.address("serving").parse().expect("an address")
}

/// The duration of each attack. The variable FLOOD_SECONDS sets it for measurements by hand.
fn lasting() -> Duration {
    let seconds = std::env::var("FLOOD_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

/// Attacks the server while clients at other addresses enrol. At least 99 % of their enrolments must succeed. Prints
/// the times and returns the server's log.
#[track_caller]
fn honest_clients_are_served_during(attack: Attack) -> String {
    let (held, text) = (attack.held as u64, format!("{attack:?}"));
    honest_clients_are_served(&text, held, |target| Flood::start(target, attack))
}

/// [`honest_clients_are_served_during`] with any attack. The enrolments start when it has opened `opens` connections.
#[track_caller]
fn honest_clients_are_served(
    attack: &str,
    opens: u64,
    start_flood: impl FnOnce(SocketAddr) -> Flood,
) -> String {
    let (folder, anchor) = ca();
    let mut server = start(folder.path(), &SERVE);
    let target = address(&mut server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let flood = start_flood(target);
    let served = runtime.block_on(async {
        flood.opens(opens).await;
        honest(target, &anchor, 70, lasting()).await
    });
    let opened = flood.opened();
    drop(flood);
    let text = server.stop().expect(0).stderr;
    let (median, p99, granted) = (served.within(0.5), served.within(0.99), served.granted.len());
    eprintln!("{attack}: {opened} opened, {granted} of {} granted, {median:?}, 99 % {p99:?}", served.tried);
    assert!(p99.is_some(), "{served:?} in:\n{text}");
    text
}

#[test]
fn one_address_with_as_many_connections_as_possible_delays_nobody_else() {
    let attack = Attack { sources: 1, held: 512, per_second: None, says: HALF, drip: None };
    let text = honest_clients_are_served_during(attack);
    // The log has only few lines about the refused connections.
    let lines = text.lines().filter(|line| line.contains("turned away")).count();
    assert!((1..20).contains(&lines), "{lines} lines of:\n{text}");
    assert!(text.lines().any(|line| line.contains("most_from=\"127.0.2.1 (")), "{text}");
}

#[test]
fn one_address_that_opens_51_connections_a_second_delays_nobody_else() {
    let attack = Attack { sources: 1, held: 100, per_second: Some(51), says: b"", drip: None };
    honest_clients_are_served_during(attack);
}

#[test]
fn addresses_that_hold_every_permit_and_drip_bytes_delay_nobody_else() {
    // The attackers have enough addresses and connections for all permits.
    let drip = Some(Duration::from_millis(500));
    honest_clients_are_served_during(Attack {
        sources: 20,
        held: 560,
        per_second: Some(1000),
        says: HALF,
        drip,
    });
}

#[test]
fn many_addresses_at_full_speed_delay_nobody_else() {
    honest_clients_are_served_during(Attack {
        sources: 20,
        held: 5000,
        per_second: None,
        says: b"",
        drip: None,
    });
}

#[test]
fn addresses_that_hold_every_permit_and_pipeline_requests_delay_nobody_else() {
    // The CA does not serve the classic form. The issuing thread refuses each request.
    let key = "BwcH".repeat(10) + "Bwc=";
    let body =
        format!(r#"{{"public_key_algo":"X25519","public_key_value_b64":"{key}","subject_id":"stranger"}}"#);
    let length = u32::try_from(body.len()).expect("a short body").to_be_bytes();
    let request = [&length, body.as_bytes()].concat().leak();
    honest_clients_are_served("pipelined requests", 20 * 64, |target| {
        Flood::pipelining(target, 20, 64, request)
    });
}

#[test]
fn malformed_messages_do_not_fill_the_log() {
    let (folder, _) = ca();
    let mut server = start(folder.path(), &SERVE);
    let target = address(&mut server);
    let says = MALFORMED.repeat(100).leak();
    let flood = Flood::start(target, Attack { sources: 20, held: 400, per_second: None, says, drip: None });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(flood.opens(5000));
    drop(flood);
    let text = server.stop().expect(0).stderr;
    let refused = text.lines().find(|line| line.contains("refused") && line.contains("bad_request"));
    assert!(refused.is_some_and(|line| line.contains("peer=127.0.2.")), "{text}");
    let summary = text.lines().find(|line| line.contains("kind=\"bad_request\""));
    assert!(
        summary.is_some_and(|line| line.contains("more=") && line.contains("most_from=\"127.0.2.")),
        "{text}"
    );
    assert!(text.len() < 16 * 1024, "{} bytes of log:\n{text}", text.len());
}

/// Changes the soft limit of descriptors of a running program, so that it runs out of them.
fn limit_descriptors(program: &Running, soft: u32) {
    let arguments = [format!("--pid={}", program.id()), format!("--nofile={soft}:256")];
    let status = Command::new("prlimit").args(arguments).status();
    assert!(status.expect("this test needs the prlimit command: install util-linux").success());
}

#[test]
fn running_out_of_descriptors_is_logged_once_and_survived() {
    let (folder, anchor) = ca();
    let mut server = start_after("ulimit -n 256", folder.path(), &SERVE);
    let target = address(&mut server);
    limit_descriptors(&server, 30);
    let attack = Attack { sources: 20, held: 60, per_second: Some(200), says: HALF, drip: None };
    let flood = Flood::start(target, attack);
    server.line("cannot accept");
    drop(flood);
    limit_descriptors(&server, 256);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // The server accepts connections again when it has descriptors.
        let mut stream = soon(TcpStream::connect(target)).await.expect("the server listens");
        let outcome = soon(enrol(&mut stream, &anchor, "alice", &pair(1), PROVEN)).await;
        outcome.expect("an answer").granted();
    });
    let text = server.stop().expect(0).stderr;
    let warnings =
        text.lines().filter(|line| line.contains("WARN") && line.contains("cannot accept")).count();
    assert!((1..4).contains(&warnings), "{warnings} warnings in:\n{text}");
}

#[test]
fn a_listening_peer_reports_once_that_it_runs_out_of_descriptors() {
    let folder = folder_with_alice();
    let listen = ["listen", "--identity", "alice", "--listen", "127.0.0.1:0"];
    let mut peer = start_after("ulimit -n 256", folder.path(), &listen);
    let target = peer.address("is listening").parse().expect("an address");
    limit_descriptors(&peer, 20);
    let attack = Attack { sources: 1, held: 60, per_second: Some(200), says: b"", drip: None };
    let flood = Flood::start(target, attack);
    peer.line("connections cannot be taken");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(flood.opens(flood.opened() + 200));
    drop(flood);
    let text = peer.stop().expect(0).stderr;
    let lines = text.lines().filter(|line| line.contains("connections cannot be taken")).count();
    assert!((1..4).contains(&lines), "{lines} lines in:\n{text}");
}

#[test]
fn connections_follow_the_limit_of_descriptors_and_that_is_logged() {
    let (folder, anchor) = ca();
    let mut server = start_after("ulimit -n 256", folder.path(), &SERVE);
    let target = address(&mut server);
    let warning = server.line("serving fewer connections");
    assert!(warning.contains("connections=128") && warning.contains("wanted=512"), "{warning}");
    let flood =
        Flood::start(target, Attack { sources: 20, held: 300, per_second: None, says: HALF, drip: None });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let served = runtime.block_on(async {
        flood.opens(600).await;
        // One of 101 may be refused: a flood can end so many connections at once that one more finds no room.
        honest(target, &anchor, 20, Duration::from_secs(5)).await
    });
    drop(flood);
    let text = server.stop().expect(0).stderr;
    assert!(!text.contains("cannot accept"), "{text}");
    assert!(served.within(0.99).is_some(), "{served:?} in:\n{text}");
}

#[test]
fn a_soft_limit_of_descriptors_is_raised() {
    let (folder, _) = ca();
    let mut server = start_after("ulimit -S -n 10", folder.path(), &SERVE);
    server.line("serving");
    server.stop().expect(0);
}
