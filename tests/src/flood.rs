//! Attackers that open as many connections as possible, and honest clients that enrol meanwhile.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use getrandom::SysRng;
use minipki_core::cert::Anchor;
use minipki_core::crypto::{KeyPair, Portable};
use rand_core::UnwrapErr;
use tokio::io::{self, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::server::{Outcome, PROVEN, enrol};

/// The network of the honest clients. All of 127/8 is loopback.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 0);

/// The number of honest addresses.
const HONEST_SOURCES: u32 = 50;

/// The delay before an attacker replaces an ended connection.
const REPLACED_AFTER: Duration = Duration::from_millis(250);

/// The actions of the attackers. All attackers run on one thread.
#[derive(Clone, Debug)]
pub struct Attack {
    /// The number of their addresses, from 127.0.2.1 on.
    pub sources: u32,
    /// The maximum of open connections of all attackers together. One more closes the oldest.
    pub held: usize,
    /// The number of new connections a second; `None` means at full speed.
    pub per_second: Option<u32>,
    /// The bytes that they send on each new connection.
    pub says: &'static [u8],
    /// The interval at which they send 6 more bytes, the start of a message, on each open connection.
    pub drip: Option<Duration>,
}

/// Running attackers. They end when this is dropped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Starts an attack on the server at `target`.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn start(target: SocketAddr, attack: Attack) -> Self {
        Self::spawn(async move |stop, opened| attack.run(target, &stop, &opened).await)
    }

    /// Starts attackers that keep `each` connections open from each of `sources` addresses. They send `request` without
    /// a pause on every connection and ignore the answers. They replace each ended connection.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn pipelining(target: SocketAddr, sources: u32, each: usize, request: &'static [u8]) -> Self {
        let requests: &[u8] = request.repeat(50).leak();
        Self::spawn(async move |stop, opened| {
            let mut attackers = JoinSet::new();
            for source in (0..sources).map(attacker) {
                for _ in 0..each {
                    let opened = opened.clone();
                    attackers.spawn(async move {
                        loop {
                            if let Ok(mut stream) = connect(source.into(), target).await {
                                opened.fetch_add(1, Ordering::Relaxed);
                                pipeline(&mut stream, requests).await;
                            }
                            sleep(REPLACED_AFTER).await;
                        }
                    });
                }
            }
            while !stop.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(10)).await;
            }
        })
    }

    fn spawn<F>(attackers: F) -> Self
    where
        F: AsyncFnOnce(Arc<AtomicBool>, Arc<AtomicU64>) + Send + 'static,
    {
        minipki_os::raise_descriptor_limit();
        let (stop, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, count) = (stop.clone(), opened.clone());
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(attackers(ended, count));
        });
        Self { stop, opened, thread: Some(thread) }
    }

    /// The number of opened connections.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Waits until the attackers have opened `count` connections.
    ///
    /// # Panics
    /// If that takes longer than 60 seconds.
    pub async fn opens(&self, count: u64) {
        let begun = Instant::now();
        while self.opened() < count {
            assert!(begun.elapsed() < Duration::from_secs(60), "only {} connections opened", self.opened());
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread is printed already.
            let _ = thread.join();
        }
    }
}

impl Attack {
    async fn run(self, target: SocketAddr, stop: &AtomicBool, opened: &AtomicU64) {
        let mut held = VecDeque::with_capacity(self.held);
        let mut pace = self.per_second.map(|rate| interval(Duration::from_secs(1) / rate));
        let mut dripped = Instant::now();
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match &mut pace {
                Some(pace) => drop(pace.tick().await),
                None => tokio::task::yield_now().await,
            }
            let source = attacker(n % self.sources);
            // A refused connection is ignored.
            if let Ok(Ok(stream)) = timeout(Duration::from_secs(1), connect(source.into(), target)).await {
                opened.fetch_add(1, Ordering::Relaxed);
                let _ = stream.try_write(self.says);
                held.push_back(stream);
                if held.len() > self.held {
                    held.pop_front();
                }
            }
            if self.drip.is_some_and(|every| dripped.elapsed() > every) {
                dripped = Instant::now();
                held.iter().for_each(|stream| drop(stream.try_write(b"\0\0\0\x20{ ")));
            }
        }
    }
}

/// The address of the attacker with this number.
fn attacker(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 2, 1).to_bits() + n)
}

/// Sends `requests` again and again until the server ends the connection.
async fn pipeline(stream: &mut TcpStream, requests: &[u8]) {
    let (mut reader, mut writer) = stream.split();
    let mut answers = io::sink();
    let sending = async { while writer.write_all(requests).await.is_ok() {} };
    tokio::select! {
        () = sending => {}
        _ = io::copy(&mut reader, &mut answers) => {}
    }
}

/// Connects from `source`. Closing the connection resets it and leaves no TIME-WAIT state.
async fn connect(source: IpAddr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let stream = socket.connect(target).await?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// The results of the honest clients.
#[derive(Clone, Debug)]
pub struct Served {
    /// The number of enrolments that were tried.
    pub tried: usize,
    /// The durations of the successful enrolments, with the connection, in ascending order.
    pub granted: Vec<Duration>,
}

impl Served {
    /// The time in which this part of all enrolments succeeded; `None` if fewer succeeded.
    pub fn within(&self, part: f64) -> Option<Duration> {
        let rank = (self.tried as f64 * part).ceil() as usize;
        self.granted.get(rank.saturating_sub(1)).copied()
    }
}

/// Starts `per_second` enrolments of honest clients a second, each on a new connection. Does not wait for earlier ones.
///
/// # Panics
/// If a client panics.
pub async fn honest(target: SocketAddr, anchor: &Anchor, per_second: u32, lasting: Duration) -> Served {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut clients, begun) = (JoinSet::new(), Instant::now());
    let mut tried = 0;
    while begun.elapsed() < lasting {
        pace.tick().await;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let source = Ipv4Addr::from_bits(HONEST.to_bits() + 1 + n as u32 % HONEST_SOURCES);
        let (anchor, subject) = (anchor.clone(), format!("honest-{n}"));
        tried += 1;
        clients.spawn(async move {
            let key = KeyPair::generate(Portable::new(), &mut UnwrapErr(SysRng));
            let start = Instant::now();
            let enrolled = async {
                let mut stream = connect(source.into(), target).await.ok()?;
                enrol(&mut stream, &anchor, &subject, &key, PROVEN).await.ok()
            };
            let outcome = timeout(Duration::from_secs(10), enrolled).await.ok().flatten();
            matches!(outcome, Some(Outcome::Granted(_))).then(|| start.elapsed())
        });
    }
    let mut granted: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    granted.sort_unstable();
    Served { tried, granted }
}
