//! The effects of signals on long-running commands: an orderly stop, an immediate stop, or no effect.

use std::path::Path;
use std::time::{Duration, Instant};

use minipki_tests::program::{Running, folder_with_alice, run, start, start_after, start_with};
use minipki_tests::server::soon;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SERVE: [&str; 6] = ["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"];
const CONSOLE: [&str; 6] = ["console", "--dir", "ca", "--listen", "127.0.0.1:0", "--log-format=text"];
const LISTEN: [&str; 5] = ["listen", "--identity", "alice", "--listen", "127.0.0.1:0"];

fn ca() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    folder
}

/// Starts each long-running command and waits until it serves.
fn services(folder: &Path) -> [(&'static str, Running); 3] {
    let debug = [("RUST_LOG", "debug")];
    let (mut serve, mut console) = (start_with(folder, &SERVE, &debug), start_with(folder, &CONSOLE, &debug));
    let mut listen = start(folder, &LISTEN);
    serve.line("serving");
    console.line("the console serves");
    listen.line("is listening");
    [("ca serve", serve), ("console", console), ("listen", listen)]
}

#[test]
fn a_hangup_stops_services_in_order() {
    let folder = folder_with_alice();
    for (name, service) in services(folder.path()) {
        service.signal("HUP");
        let done = service.wait();
        assert_eq!(done.code, Some(0), "{name}: {done:?}");
        assert_eq!(done.stderr.contains("stopped"), name == "ca serve", "{done:?}");
    }
}

#[test]
fn user_signals_do_not_stop_services() {
    let folder = folder_with_alice();
    for (name, mut service) in services(folder.path()) {
        service.signal("USR2");
        if name != "listen" {
            service.line("SIGUSR2");
        }
        service.signal("USR1");
        let done = service.stop();
        assert_eq!(done.code, Some(0), "{name}: {done:?}");
    }
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let folder = ca();
    // As nohup does.
    let mut server = start_after("trap '' HUP", folder.path(), &SERVE);
    let address = server.address("serving");
    server.signal("HUP");
    // The server still serves after it.
    enrol_alice(folder.path(), &address);
    let text = server.stop().expect(0).stderr;
    assert!(!text.contains("SIGHUP") && text.contains("SIGTERM"), "{text}");
}

fn enrol_alice(folder: &Path, address: &str) {
    let enroll =
        ["enroll", "--ca", address, "--anchor", "ca/anchor.json", "--subject", "alice", "--out", "alice"];
    run(folder, &enroll).expect(0);
}

/// A server that has enrolled alice, with a client that has sent half a message.
fn serving_half_a_message(folder: &Path) -> (Running, TcpStream, tokio::runtime::Runtime) {
    let mut server = start_with(folder, &SERVE, &[("RUST_LOG", "debug")]);
    let address = server.address("serving");
    enrol_alice(folder, &address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let stream = runtime.block_on(async {
        let mut stream = soon(TcpStream::connect(&address)).await.expect("the server listens");
        // The answer to a whole message shows that the server has accepted the connection.
        stream.write_all(b"\0\0\0\x02{}\0\0\0\x20{").await.expect("the server reads");
        soon(stream.readable()).await.expect("a refusal");
        stream
    });
    (server, stream, runtime)
}

#[test]
fn half_a_message_does_not_hold_up_a_stop_for_long() {
    let folder = ca();
    let (server, _stream, _runtime) = serving_half_a_message(folder.path());
    let begun = Instant::now();
    let done = server.stop().expect(0);
    // Service managers kill a program 10 seconds after the signal to stop.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(done.stderr.contains("stopped"), "{}", done.stderr);
}

#[test]
fn a_second_signal_ends_a_stop_at_once_and_loses_nothing() {
    let folder = ca();
    let (mut server, _stream, _runtime) = serving_half_a_message(folder.path());
    server.signal("INT");
    server.line("stopping");
    server.signal("INT");
    let done = server.wait().expect(130);
    assert!(done.stderr.contains("by a second signal, SIGINT"), "{}", done.stderr);
    assert!(!done.stderr.contains("stopped"), "it did not wait: {}", done.stderr);
    let list = run(folder.path(), &["ca", "list", "--dir", "ca"]).expect(0);
    assert!(list.stdout.contains("alice"), "the certificate that was answered: {list:?}");
}
