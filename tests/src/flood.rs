//! Strangers who take all connections that they can get, and what that leaves for honest clients.

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

/// The network that honest clients come from. All of 127/8 is loopback.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 0);

/// Honest addresses.
const HONEST_SOURCES: u32 = 50;

/// How long a stranger waits before it replaces a connection that ended.
const REPLACED_AFTER: Duration = Duration::from_millis(250);

/// What the strangers do, all on one thread.
#[derive(Clone, Debug)]
pub struct Attack {
    /// How many addresses they have, from 127.0.2.1 on.
    pub sources: u32,
    /// How many connections they keep open at a time, all together. The oldest is closed for one more.
    pub held: usize,
    /// How many connections they open a second; `None` is as fast as they can.
    pub per_second: Option<u32>,
    /// What they send on each new connection.
    pub says: &'static [u8],
    /// How often they send 6 more bytes, which begin a message, on each connection that they hold.
    pub drip: Option<Duration>,
}

/// Strangers at work. They end when this is dropped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Starts them against the server at `target`.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn start(target: SocketAddr, attack: Attack) -> Self {
        Self::spawn(async move |stop, opened| attack.run(target, &stop, &opened).await)
    }

    /// Starts strangers who keep `each` connections open at each of so many addresses. They send `request` on all of
    /// them without a pause, and throw away what is answered. They replace each connection that ends.
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn pipelining(target: SocketAddr, sources: u32, each: usize, request: &'static [u8]) -> Self {
        let requests: &[u8] = request.repeat(50).leak();
        Self::spawn(async move |stop, opened| {
            let mut strangers = JoinSet::new();
            for source in (0..sources).map(stranger) {
                for _ in 0..each {
                    let opened = opened.clone();
                    strangers.spawn(async move {
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

    fn spawn<F>(strangers: F) -> Self
    where
        F: AsyncFnOnce(Arc<AtomicBool>, Arc<AtomicU64>) + Send + 'static,
    {
        minipki_os::raise_descriptor_limit();
        let (stop, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ended, count) = (stop.clone(), opened.clone());
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(strangers(ended, count));
        });
        Self { stop, opened, thread: Some(thread) }
    }

    /// How many connections they have opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Waits until they have opened so many.
    ///
    /// # Panics
    /// If they do not.
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
            // A panic there has been printed already.
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
            let source = stranger(n % self.sources);
            // After a connection that the server turns away comes the next one.
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

/// The address of the stranger of this number.
fn stranger(n: u32) -> Ipv4Addr {
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

/// A connection from this address of ours, which leaves no traces when it is closed.
async fn connect(source: IpAddr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let stream = socket.connect(target).await?;
    stream.set_zero_linger()?;
    Ok(stream)
}

/// What honest clients met.
#[derive(Clone, Debug)]
pub struct Served {
    /// How many enrolments they tried, each once.
    pub asked: usize,
    /// How long each took that ended with a certificate, from the connection on; the shortest first.
    pub granted: Vec<Duration>,
}

impl Served {
    /// The time within which this part of all enrolments was granted; `None` if fewer were granted at all.
    pub fn within(&self, part: f64) -> Option<Duration> {
        let rank = (self.asked as f64 * part).ceil() as usize;
        self.granted.get(rank.saturating_sub(1)).copied()
    }
}

/// Has honest clients at other addresses enrol, so many a second and each on a connection of its own, whatever
/// became of those before.
///
/// # Panics
/// If a client panics.
pub async fn honest(target: SocketAddr, anchor: &Anchor, per_second: u32, lasting: Duration) -> Served {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut clients, begun) = (JoinSet::new(), Instant::now());
    let mut asked = 0;
    while begun.elapsed() < lasting {
        pace.tick().await;
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let source = Ipv4Addr::from_bits(HONEST.to_bits() + 1 + n as u32 % HONEST_SOURCES);
        let (anchor, subject) = (anchor.clone(), format!("honest-{n}"));
        asked += 1;
        clients.spawn(async move {
            let key = KeyPair::generate(Portable::new(), &mut UnwrapErr(SysRng));
            let begun = Instant::now();
            let enrolled = async {
                let mut stream = connect(source.into(), target).await.ok()?;
                enrol(&mut stream, &anchor, &subject, &key, PROVEN).await.ok()
            };
            let outcome = timeout(Duration::from_secs(10), enrolled).await.ok().flatten();
            matches!(outcome, Some(Outcome::Granted(_))).then(|| begun.elapsed())
        });
    }
    let mut granted: Vec<_> = clients.join_all().await.into_iter().flatten().collect();
    granted.sort_unstable();
    Served { asked, granted }
}
