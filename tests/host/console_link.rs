//! `minipki console link`: a new link from a running console, by a socket in the CA's folder.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use minipki_tests::program::{Running, run, start};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
use tempfile::TempDir;

const LINK: [&str; 4] = ["console", "link", "--dir", "ca"];
const SOCKET: &str = "ca/console.sock";
/// The warning of a console without the socket.
const WARNING: &str = "gets no link from this console";

/// A folder with a CA in `ca`.
fn made() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    run(folder.path(), &["ca", "init", "--dir", "ca"]).expect(0);
    folder
}

/// A running console.
fn console(at: &Path) -> Running {
    start(at, &["console", "--dir", "ca", "--listen", "127.0.0.1:0"])
}

/// Waits until the console answers at its socket.
fn link(at: &Path) -> String {
    let mut tries = (0..200).map(|_| {
        sleep(Duration::from_millis(50));
        run(at, &LINK)
    });
    tries.find(|done| done.code == Some(0)).expect("a link").stdout
}

#[test]
fn each_link_is_new_and_a_second_console_takes_the_place_of_the_first() {
    let folder = made();
    let at = folder.path();
    let mut first = console(at);
    let printed = first.line("/enter?key=");
    let links = [link(at), link(at)];
    assert!(links[0] != links[1] && links.iter().all(|link| link.contains("/enter?key=")), "{links:?}");
    assert!(!links.iter().any(|link| printed.contains(link.trim())), "{links:?}");
    let mut second = console(at);
    second.line(WARNING);
    first.stop().expect(0);
    assert!(link(at).contains("/enter?key="));
    second.stop().expect(0);
    assert!(!at.join(SOCKET).exists());
    let refused = run(at, &LINK).expect(5).stderr;
    assert!(refused.contains("no console answers on ca") && refused.contains("SIGUSR1"), "{refused}");
}

#[test]
fn a_file_or_a_stranger_in_the_place_of_the_socket_is_left_alone_and_stops_nothing() {
    let folder = made();
    let at = folder.path();
    fs::write(at.join(SOCKET), "mine").expect("written");
    let mut with_file = console(at);
    with_file.line(WARNING);
    run(at, &LINK).expect(5);
    with_file.stop().expect(0);
    assert_eq!(fs::read(at.join(SOCKET)).expect("a file"), b"mine");

    // The queue of a program that does not answer is full.
    fs::remove_file(at.join(SOCKET)).expect("removed");
    let silent = socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    bind(&silent, &SocketAddrUnix::new(at.join(SOCKET)).expect("a short path")).expect("bound");
    listen(&silent, 0).expect("it listens");
    let _first = UnixStream::connect(at.join(SOCKET)).expect("a connection");
    let refused = run(at, &LINK).expect(5).stderr;
    assert!(refused.contains("no console answers on ca"), "{refused}");
    let mut console = console(at);
    console.line(WARNING);
    console.stop().expect(0);
    assert!(at.join(SOCKET).exists());
}
