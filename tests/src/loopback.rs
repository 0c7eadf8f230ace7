//! The loopback as a device's line: others that play their part on a socket, and a line that is cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::device_others::Other;

/// Lets another take the first connection to a port, which is returned. It is made where it plays.
pub fn takes(make: impl FnOnce() -> Other + Send + 'static) -> u16 {
    let (listener, port) = listener();
    thread::spawn(move || play(listener.accept().expect("a socket that listens").0, make()));
    port
}

/// Lets another call at `port`.
pub fn calls(port: u16, make: impl FnOnce() -> Other + Send + 'static) {
    thread::spawn(move || play(connect(port), make()));
}

/// A port of the loopback that nobody had a moment ago.
pub fn free_port() -> u16 {
    listener().1
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

fn connect(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("somebody listens there")
}

fn play(mut stream: TcpStream, mut other: Other) {
    let mut buffer = [0; 1024];
    let mut said = other.turn(&[]);
    loop {
        if stream.write_all(&said).is_err() {
            return;
        }
        if other.gone() {
            let _ = stream.shutdown(Shutdown::Write);
        }
        // What comes after its last word is read too: left unread it would reset the connection.
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(n) => said = other.turn(&buffer[..n]),
        }
    }
}

/// Which way bytes go on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who called.
    Out,
    /// To who called.
    Back,
}

/// Where a line ends.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The way on which bytes are counted.
    pub way: Way,
    /// How many of them get through; after that nothing does, either way.
    pub after: usize,
    /// Whether both sides are left waiting, instead of being told.
    pub silent: bool,
}

/// A line on the way to a port: who calls [`Line::port`] is put through, once.
pub struct Line {
    /// Where to call.
    pub port: u16,
    passed: [Arc<Mutex<Vec<u8>>>; 2],
}

impl Line {
    /// A line to `to`, which is cut there.
    pub fn new(to: u16, cut: Option<Cut>) -> Self {
        let (listener, port) = listener();
        let passed = [Arc::default(), Arc::default()];
        let [out, back] = passed.clone();
        thread::spawn(move || {
            let near = listener.accept().expect("a socket that listens").0;
            let far = connect(to);
            let dead = Arc::new(AtomicBool::new(false));
            for (way, from, to, passed) in [(Way::Out, &near, &far, out), (Way::Back, &far, &near, back)] {
                let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                let (dead, cut) = (Arc::clone(&dead), cut);
                thread::spawn(move || pass(way, from, to, cut, &passed, &dead));
            }
        });
        Self { port, passed }
    }

    /// What got through that way.
    pub fn passed(&self, way: Way) -> Vec<u8> {
        self.passed[way as usize].lock().expect("no panic").clone()
    }
}

/// Carries bytes until the stream ends, or the line does.
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
    // On a silent line nobody hears that the other side has gone.
    if !dead.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
