//! Connections over loopback: remotes on a socket, and lines that end after some bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::device_remotes::Remote;

/// Starts a remote for the first connection to a new port, and returns the port.
pub fn accepts(make: impl FnOnce() -> Remote + Send + 'static) -> u16 {
    let (listener, port) = listener();
    thread::spawn(move || run(listener.accept().expect("a socket that listens").0, make()));
    port
}

/// Starts a remote that connects to `port`.
pub fn connects(port: u16, make: impl FnOnce() -> Remote + Send + 'static) {
    thread::spawn(move || run(connect(port), make()));
}

/// A port of the loopback that is free at the time of the call.
pub fn free_port() -> u16 {
    listener().1
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a server listens")
}

fn run(mut stream: TcpStream, mut remote: Remote) {
    let mut buffer = [0; 1024];
    let mut bytes = remote.respond(&[]);
    loop {
        if stream.write_all(&bytes).is_err() {
            return;
        }
        if remote.ended() {
            let _ = stream.shutdown(Shutdown::Write);
        }
        // Bytes after the end are read too. Unread bytes would reset the connection.
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes = remote.respond(&buffer[..n]),
        }
    }
}

/// The direction of bytes on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the connecting side.
    Out,
    /// To the connecting side.
    Back,
}

/// The point at which a line ends.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The direction in which bytes are counted.
    pub way: Way,
    /// The number of bytes that pass. After them no byte passes in any direction.
    pub after: usize,
    /// Whether the connections stay open, so that both sides wait.
    pub silent: bool,
}

/// A relay to a port.
pub struct Line {
    /// The port of the relay.
    pub port: u16,
    passed: [Arc<Mutex<Vec<u8>>>; 2],
}

impl Line {
    /// A line to the port `to`, which ends at `cut`.
    pub fn new(to: u16, cut: Option<Cut>) -> Self {
        Self::sparing(0, to, cut)
    }

    /// A line for several connections. The first ones, `spared` of them, are not cut, and their bytes are not kept.
    pub fn sparing(spared: usize, to: u16, cut: Option<Cut>) -> Self {
        let (listener, port) = listener();
        let passed = [Arc::default(), Arc::default()];
        let kept = passed.clone();
        thread::spawn(move || {
            for _ in 0..spared {
                relay(&listener, to, None, [Arc::default(), Arc::default()]);
            }
            relay(&listener, to, cut, kept);
        });
        Self { port, passed }
    }

    /// The bytes that have passed in this direction.
    pub fn passed(&self, way: Way) -> Vec<u8> {
        self.passed[way as usize].lock().expect("no panic").clone()
    }
}

/// Takes the next connection, and copies its bytes both ways.
fn relay(listener: &TcpListener, to: u16, cut: Option<Cut>, [out, back]: [Arc<Mutex<Vec<u8>>>; 2]) {
    let near = listener.accept().expect("a socket that listens").0;
    let far = connect(to);
    let dead = Arc::new(AtomicBool::new(false));
    for (way, from, to, passed) in [(Way::Out, &near, &far, out), (Way::Back, &far, &near, back)] {
        let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
        let dead = Arc::clone(&dead);
        thread::spawn(move || pass(way, from, to, cut, &passed, &dead));
    }
}

/// Copies bytes until the stream or the line ends.
fn pass(
    way: Way,
    mut from: TcpStream,
    mut to: TcpStream,
    cut: Option<Cut>,
    passed: &Mutex<Vec<u8>>,
    dead: &AtomicBool,
) {
    let mut buffer = [0; 1024];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        if dead.load(Ordering::SeqCst) {
            continue;
        }
        let mut passed = passed.lock().expect("no panic");
        let room = cut.filter(|cut| cut.way == way).map_or(usize::MAX, |cut| cut.after - passed.len());
        let through = &buffer[..n.min(room)];
        passed.extend_from_slice(through);
        let sent = to.write_all(through);
        if n >= room {
            dead.store(true, Ordering::SeqCst);
            if !cut.is_some_and(|cut| cut.silent) {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        } else if sent.is_err() {
            return;
        }
    }
    // A silent line does not pass on the end of a stream.
    if !dead.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
