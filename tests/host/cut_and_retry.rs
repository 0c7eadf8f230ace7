//! An enrolment over a line that is cut anywhere. A second try uses the same key and gets one certificate.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use getrandom::SysRng;
use minipki_ca::TokenHash;
use minipki_ca::ports::{Page, Storage};
use minipki_client::ClientError;
use minipki_client::{Deadlines, EnrolOptions, Identity, enrol, enrol_over, proven, read_anchor};
use minipki_core::cert::Anchor;
use minipki_core::crypto::KeyPair;
use minipki_core::time::UnixTime;
use minipki_ledger::{Owner, SqliteStorage};
use minipki_provider::HostProvider;
use minipki_tests::ca::id;
use minipki_tests::loopback::{Cut, Line, Way};
use minipki_tests::peers::now;
use minipki_tests::program::{run_with, start_with};
use minipki_tests::server::soon;
use rand_core::UnwrapErr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cli::served;

/// The number of concurrent enrolments.
const AT_ONCE: usize = 16;

/// One direction of a stream, with a limit on the bytes that pass.
struct Limited<S> {
    stream: S,
    left: usize,
    passed: usize,
    /// Whether the end of the stream is visible. If not, it waits.
    visible: bool,
}

impl<S> Limited<S> {
    const fn new(stream: S, left: usize, visible: bool) -> Self {
        Self { stream, left, passed: 0, visible }
    }

    /// The number of bytes that may still pass. `None` is the end of the stream.
    fn room(&self) -> Poll<Option<usize>> {
        match self.left - self.passed {
            0 if self.visible => Poll::Ready(None),
            0 => Poll::Pending,
            room => Poll::Ready(Some(room)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(room) = ready!(self.room()) else { return Poll::Ready(Ok(())) };
        let mut part = buf.take(room);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        let n = part.filled().len();
        buf.advance(n);
        self.passed += n;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let Some(room) = ready!(self.room()) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &data[..data.len().min(room)]))?;
        self.passed += n;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The CA of these tests: its address, its anchor and its folder.
struct Ca {
    address: String,
    anchor: Anchor,
    folder: std::path::PathBuf,
}

impl Ca {
    fn at(folder: &Path, address: String) -> Self {
        let folder = folder.join("ca");
        Self { address, anchor: read_anchor(&folder.join("anchor.json")).expect("the CA's anchor"), folder }
    }

    fn storage(&self) -> SqliteStorage {
        let issuer_id = self.anchor.issuer_id().expect("the CA's own anchor is whole").into();
        let owner = Owner { issuer_id, fingerprint: self.anchor.fingerprint() };
        SqliteStorage { folder: self.folder.clone(), owner }
    }

    /// Adds the token of each subject.
    fn add_tokens<'a>(&self, subjects: impl Iterator<Item = &'a String>) {
        let mut book = self.storage().tokens().expect("the ledger opens");
        let now = now();
        let expires = UnixTime::new(now.get() + 3600).expect("a time");
        for subject in subjects {
            book.add(TokenHash::of(&token(subject)), id(subject).as_id(), expires, None, now)
                .expect("a new token");
        }
    }

    /// The number of certificates in the ledger for each subject.
    fn recorded(&self) -> HashMap<String, usize> {
        let mut ledger = self.storage().reader().expect("the ledger is sound");
        let records = ledger.list(Page { subject: None, after: 0, limit: usize::MAX }).expect("a listing");
        let mut counts = HashMap::new();
        for record in records {
            *counts.entry(record.subject_id.to_string()).or_default() += 1;
        }
        counts
    }

    fn options(&self, subject: &str, with_token: bool) -> EnrolOptions {
        let form = proven(with_token.then(|| token(subject)).as_deref());
        EnrolOptions { form, ..EnrolOptions::new(&*self.address, id(subject), self.anchor.clone()) }
    }

    /// Enrols over a line that ends at `cut`. Returns the result, the passed bytes in both directions and the stream.
    async fn cut(
        &self,
        key: KeyPair<HostProvider>,
        options: EnrolOptions,
        cut: Option<Cut>,
    ) -> (Result<Identity, ClientError>, [usize; 2], TcpStream) {
        let mut stream = TcpStream::connect(&*self.address).await.expect("the CA serves");
        let left = |way| cut.filter(|cut| cut.way == way).map_or(usize::MAX, |cut| cut.after);
        let visible = !cut.is_some_and(|cut| cut.silent);
        let (reader, writer) = stream.split();
        let mut reader = Limited::new(reader, left(Way::Back), visible);
        let mut writer = Limited::new(writer, left(Way::Out), visible);
        let outcome = enrol_over(&mut reader, &mut writer, key, options).await;
        let passed = [writer.passed, reader.passed];
        (outcome, passed, stream)
    }
}

fn token(subject: &str) -> String {
    let digits: String = subject.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0>32}")
}

/// Both directions and their names.
const WAYS: [(Way, &str); 2] = [(Way::Out, "out"), (Way::Back, "back")];

#[test]
fn cut_at_any_byte_the_next_try_gets_one_certificate_for_the_same_key() {
    let (folder, _server, address) = served(&[]);
    let ca = Arc::new(Ca::at(folder.path(), address));
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let subject = |way, after, with_token| format!("{way:-<4}-{after:04}-{with_token:-<5}");

    // All names have the same length, so all exchanges have the same length.
    let whole = ca.options(&subject("none", 0, false), false);
    let (outcome, lengths, _) = runtime.block_on(ca.cut(new_key(), whole, None));
    outcome.expect("a line that is not cut");
    assert!(lengths[0] > 200 && lengths[1] > 1000, "a whole exchange: {lengths:?}");

    let mut cases = Vec::new();
    for with_token in [false, true] {
        for ((way, name), length) in WAYS.into_iter().zip(lengths) {
            cases.extend((0..length).map(|after| (subject(name, after, with_token), with_token, way, after)));
        }
    }
    ca.add_tokens(cases.iter().filter(|(_, with_token, ..)| *with_token).map(|(subject, ..)| subject));

    let count = cases.len();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for (subject, with_token, way, after) in cases {
            let (ca, permits) = (ca.clone(), permits.clone());
            running.spawn(async move {
                let _permit = permits.acquire().await.expect("never closed");
                let (key, options) = (new_key(), ca.options(&subject, with_token));
                let cut = Cut { way, after, silent: false };
                let (first, _, stream) = soon(ca.cut(key.clone(), options.clone(), Some(cut))).await;
                // A shorter serial number makes a shorter answer. Then the enrolment may succeed.
                assert!(first.is_err() || after > lengths[1] - 16, "{cut:?}: {first:?}");
                drop(stream);
                let second = soon(enrol(key.clone(), options)).await;
                let second = second.unwrap_or_else(|error| panic!("{cut:?}, {subject}: {error}"));
                assert_eq!(second.key().public(), key.public());
            });
        }
        running.join_all().await;
    });
    let recorded = ca.recorded();
    assert_eq!(recorded.len(), count + 1);
    assert!(recorded.values().all(|&certificates| certificates == 1), "one for each name");
}

#[test]
fn silent_at_any_frame_the_next_try_gets_one_certificate_beside_the_first_connection() {
    let (folder, _server, address) = served(&[]);
    let ca = Ca::at(folder.path(), address);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ends = frame_ends(&ca);
    let mut subjects = 0;
    for with_token in [false, true] {
        for ((way, _), ends) in WAYS.into_iter().zip(&ends) {
            // The end of the last frame is left out, because there the enrolment would succeed.
            for &after in &ends[..2] {
                subjects += 1;
                let subject = format!("s{subjects:04}");
                ca.add_tokens([&subject].into_iter());
                let options = ca.options(&subject, with_token);
                let key = new_key();
                // The CA needs less time. Its answer does not arrive.
                let deadlines = Deadlines { exchange: Duration::from_millis(300), ..Deadlines::default() };
                let short = EnrolOptions { deadlines, ..options.clone() };
                let cut = Cut { way, after, silent: true };
                let (first, _, stream) = runtime.block_on(ca.cut(key.clone(), short, Some(cut)));
                assert!(first.is_err(), "{cut:?}: it never ends");
                let second = runtime.block_on(enrol(key.clone(), options)).expect("granted");
                assert_eq!(second.key().public(), key.public());
                drop(stream);
            }
        }
    }
    let recorded = ca.recorded();
    assert!(recorded.values().all(|&certificates| certificates == 1), "{recorded:?}");
    assert_eq!(recorded.len(), subjects + 1);
}

#[test]
fn the_program_continues_after_a_cut_at_any_frame() {
    let (folder, _server, address) = served(&[]);
    let at = folder.path();
    let ca = Ca::at(at, address);
    let port = ca.address.rsplit_once(':').expect("a port").1.parse().expect("a number");
    let ends = frame_ends(&ca);
    let mut subjects = 0;
    for ((way, _), ends) in WAYS.into_iter().zip(&ends) {
        for (&after, silent, with_token) in ends.iter().flat_map(|after| {
            [(after, false, false), (after, true, false), (after, false, true), (after, true, true)]
        }) {
            subjects += 1;
            let subject = format!("p{subjects:04}");
            ca.add_tokens([&subject].into_iter());
            let token = if with_token { token(&subject) } else { String::new() };
            let environment = [("MINIPKI_TOKEN", &*token)];
            let line = Line::new(port, Some(Cut { way, after, silent }));
            let command = |ca: &str| {
                ["enroll", "--ca", ca, "--subject", &subject, "--anchor", "ca/anchor.json", "--out", &subject]
                    .map(str::to_owned)
            };
            let first = start_with(at, &command(&format!("127.0.0.1:{}", line.port)), &environment);
            let key = at.join(&subject).join("key.pem");
            if silent {
                // The program waits, and its user interrupts it.
                until(|| key.exists() && line.passed(way).len() >= after);
                first.signal("INT");
                first.wait().expect(130);
            } else {
                first.wait().expect(5);
            }
            let before = fs::read(&key).expect("the file exists");
            let second = run_with(at, &command(&ca.address), &environment).expect(0);
            assert!(second.stderr.contains("continues with the key"), "{second:?}");
            assert_eq!(fs::read(&key).expect("the file exists"), before);
        }
    }
    let recorded = ca.recorded();
    assert!(recorded.values().all(|&certificates| certificates == 1), "{recorded:?}");
    assert_eq!(recorded.len(), subjects + 1);
}

fn new_key() -> KeyPair<HostProvider> {
    KeyPair::generate(HostProvider::default(), &mut UnwrapErr(SysRng))
}

/// Waits for a condition.
fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the awaited condition did not come");
}

/// The positions of the frame ends in an enrolment with a name of five bytes, in both directions, from 0 on. The end of
/// the CA's last frame is left out, because there the enrolment has succeeded.
fn frame_ends(ca: &Ca) -> [Vec<usize>; 2] {
    let port = ca.address.rsplit_once(':').expect("a port").1.parse().expect("a number");
    let line = Line::new(port, None);
    let options = EnrolOptions { ca: format!("127.0.0.1:{}", line.port), ..ca.options("frame", false) };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(enrol(new_key(), options)).expect("granted");
    let ends = |way| {
        let bytes = line.passed(way);
        let (mut ends, mut rest) = (vec![0], &bytes[..]);
        while let Some((header, body)) = rest.split_first_chunk() {
            rest = &body[u32::from_be_bytes(*header) as usize..];
            ends.push(bytes.len() - rest.len());
        }
        ends
    };
    let [out, mut back] = [ends(Way::Out), ends(Way::Back)];
    back.pop();
    assert_eq!((out.len(), back.len()), (3, 2), "two frames each way");
    [out, back]
}
