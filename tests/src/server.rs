//! A CA's server within the test, honest clients for it, and raw sockets for the others.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use minipki_ca::ports::{LedgerReader, Storage};
use minipki_ca::{Policy, SignError, Signature, Signer, TokenHash};
use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, Id};
use minipki_core::crypto::{KeyPair, Portable, rsa};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Want};
use minipki_core::session::{EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::{Now, UnixTime};
use minipki_core::wire::{Code, Refusal};
use minipki_lab::CaEndpoint;
use minipki_net::drive;
use minipki_net::trace::Tap;
use minipki_os::clock;
use minipki_server::{Limits, ServeError, Server, ServerOptions, Summary};
use rand_core::UnwrapErr;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc as tokio_mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::ca::{Desk, id};

/// The proven form without a token.
pub const PROVEN: EnrolForm = EnrolForm::Proven { token: None };

/// How long anything may take that is not made to take long: a test that hangs fails.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits for what ought to come soon.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.expect("what the test waits for did not come")
}

/// What time it is.
pub fn now() -> UnixTime {
    clock::now().expect("a clock")
}

/// The key pair whose secret is made of this byte.
pub fn pair(byte: u8) -> KeyPair {
    KeyPair::from_secret(Portable::new(), Secret::new([byte; 32]))
}

/// The proven form with the token of this text.
pub fn with_token(text: &str) -> EnrolForm {
    EnrolForm::Proven { token: Some(Secret::new(*TokenHash::of(text).as_bytes())) }
}

/// How an enrolment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a certificate that the client has verified.
    Granted(Vec<u8>),
    /// With a refusal: its code, and its bytes.
    Refused(Code, Vec<u8>),
}

impl Outcome {
    /// The certificate.
    pub fn granted(self) -> Vec<u8> {
        match self {
            Self::Granted(certificate) => certificate,
            Self::Refused(code, _) => panic!("refused as {code}"),
        }
    }

    /// The refusal's code.
    pub fn refused(&self) -> Code {
        match self {
            Self::Granted(_) => panic!("granted"),
            Self::Refused(code, _) => *code,
        }
    }
}

/// How a server is set up; see [`TestServer::start`].
#[derive(Default)]
pub struct Setup {
    /// The CA's policy.
    pub policy: Policy,
    /// The server's limits.
    pub limits: Limits,
    /// Who watches.
    pub tap: Option<Arc<dyn Tap>>,
    /// Whether signing waits for this gate.
    pub gate: Option<Gate>,
}

/// A server on a port of its own, with a ledger of its own. Stops when dropped.
pub struct TestServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its clients pin.
    pub anchor: Anchor,
    folder: Option<TempDir>,
    storage: Arc<dyn Storage>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<Summary, ServeError>>,
}

impl TestServer {
    /// Starts one.
    pub async fn start(setup: Setup) -> Self {
        let Setup { policy, limits, tap, gate } = setup;
        let Desk { folder, storage, authority } = Desk::on_disk_with(policy, |signer| match gate {
            Some(gate) => Box::new(Gated { signer, gate }),
            None => signer,
        });
        let anchor = Anchor::from_key(Portable::new(), authority.issuer_id(), authority.public_key().clone());
        let options =
            ServerOptions { listen: ([127, 0, 0, 1], 0).into(), limits, tap, ..ServerOptions::default() };
        let server = Server::bind(authority, options).await.expect("a free port");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        Self { address, anchor, folder, storage, stop, run: tokio::spawn(server.run(shutdown)) }
    }

    /// The CA, as the lab's clients reach it. No token is made for them.
    pub fn endpoint(&self) -> CaEndpoint<'static> {
        CaEndpoint { address: self.address.to_string(), anchor: self.anchor.clone(), tokens: None }
    }

    /// Tells it to stop; what becomes of it is the result.
    pub fn stop(self) -> JoinHandle<Result<Summary, ServeError>> {
        let Self { folder, stop, run, .. } = self;
        let _ = stop.send(());
        // Its folder is there as long as it is.
        tokio::spawn(async move {
            let ended = run.await.expect("no panic");
            drop(folder);
            ended
        })
    }

    /// Waits for a server that stops of itself.
    ///
    /// # Errors
    /// The server's.
    pub async fn ended(self) -> Result<Summary, ServeError> {
        soon(self.run).await.expect("no panic")
    }

    /// What its ledger holds.
    pub fn reader(&self) -> Box<dyn LedgerReader> {
        self.storage.reader().expect("the ledger is there")
    }

    /// Adds a token of this text for `subject`, good for so many seconds; it is an old one if they are negative.
    pub fn add_token(&self, text: &str, subject: &str, seconds: i64) {
        self.add_tokens([(text, id(subject).as_id())], seconds);
    }

    /// The same, of many.
    pub fn add_tokens<'t>(&self, tokens: impl IntoIterator<Item = (&'t str, Id<'t>)>, seconds: i64) {
        let mut book = self.storage.tokens().expect("the ledger is there");
        let now = now();
        let expires = UnixTime::new(now.get().saturating_add_signed(seconds)).expect("a time");
        for (text, subject) in tokens {
            book.add(TokenHash::of(text), subject, expires, now).expect("a new token");
        }
    }

    /// A new connection.
    pub async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.address)).await.expect("a connection")
    }

    /// Enrols on a connection of its own.
    pub async fn enrol(&self, subject: &str, key: &KeyPair, form: EnrolForm) -> Outcome {
        self.enrol_on(&mut self.connect().await, subject, key, form).await
    }

    /// Enrols on a connection that is there.
    pub async fn enrol_on(
        &self,
        stream: &mut TcpStream,
        subject: &str,
        key: &KeyPair,
        form: EnrolForm,
    ) -> Outcome {
        soon(enrol(stream, &self.anchor, subject, key, form)).await.expect("an answer")
    }
}

/// Enrols as an honest client does.
///
/// # Errors
/// What became of the connection, or what the client found wrong.
pub async fn enrol(
    stream: &mut TcpStream,
    anchor: &Anchor,
    subject: &str,
    key: &KeyPair,
    form: EnrolForm,
) -> Result<Outcome, minipki_net::NetError> {
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    // A clock a little ahead: what the CA issues in the next second has begun for this client.
    let now = now().checked_add_seconds(60).expect("a time");
    let enrolment = Enrolment { subject_id: id(subject), key, anchor, now: Now::Exact(now), form };
    let client = EnrolClient::new(enrolment, &mut UnwrapErr(getrandom::SysRng));
    let mut link = Link::new(client, &mut rx, &mut tx);
    let (mut reader, mut writer) = stream.split();
    let want = drive(&mut link, &mut reader, &mut writer, None).await?;
    assert_eq!(want, Want::Deliver, "an enrolment ends with an event");
    let event = link.event().expect("an event");
    let body = link.body();
    Ok(match event {
        EnrolOutcome::Issued(range) => Outcome::Granted(body[range].to_vec()),
        EnrolOutcome::OutOfTime { error, .. } => panic!("the clocks of one machine differ: {error}"),
        EnrolOutcome::Refused { code, .. } => Outcome::Refused(code, body.to_vec()),
    })
}

/// Sends a frame.
pub async fn send(stream: &mut TcpStream, body: &[u8]) {
    let header = u32::try_from(body.len()).expect("a short body").to_be_bytes();
    soon(stream.write_all(&[&header, body].concat())).await.expect("the server reads");
}

/// Receives a frame.
pub async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let len = soon(stream.read_u32()).await.expect("a frame");
    let mut body = vec![0; len as usize];
    soon(stream.read_exact(&mut body)).await.expect("a whole frame");
    body
}

/// Receives a refusal.
pub async fn refused(stream: &mut TcpStream) -> Code {
    let body = receive(stream).await;
    Refusal::decode(&body).expect("a refusal").code
}

/// Waits for the server to close in good order: nothing more comes, and no reset.
pub async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    soon(stream.read_to_end(&mut rest)).await.expect("no reset");
    assert_eq!(rest, b"", "the server had said its last word");
}

/// Holds signing up; the test has the [`Key`].
pub struct Gate {
    arrived: tokio_mpsc::UnboundedSender<usize>,
    open: mpsc::Receiver<Way>,
}

/// Says when a batch has come to the gate, and lets it go.
pub struct Key {
    /// The sizes of the batches that have come to the gate.
    pub arrivals: tokio_mpsc::UnboundedReceiver<usize>,
    open: mpsc::Sender<Way>,
}

#[derive(Clone, Copy)]
enum Way {
    On,
    Fail,
    Panic,
}

impl Gate {
    /// A gate and its key.
    pub fn new() -> (Self, Key) {
        let (arrived, arrivals) = tokio_mpsc::unbounded_channel();
        let (key, open) = mpsc::channel();
        (Self { arrived, open }, Key { arrivals, open: key })
    }
}

impl Key {
    /// Waits for the next batch; returns its size.
    pub async fn arrival(&mut self) -> usize {
        soon(self.arrivals.recv()).await.expect("a signer")
    }

    /// Lets one batch be signed.
    pub fn open(&self) {
        self.go(Way::On);
    }

    /// Makes signing one batch fail.
    pub fn fail(&self) {
        self.go(Way::Fail);
    }

    /// Makes the signer panic.
    pub fn panic(&self) {
        self.go(Way::Panic);
    }

    fn go(&self, way: Way) {
        self.open.send(way).expect("a signer");
    }
}

struct Gated {
    signer: Box<dyn Signer>,
    gate: Gate,
}

impl Signer for Gated {
    fn public_key(&self) -> &rsa::PublicKey {
        self.signer.public_key()
    }

    fn sign_many(&mut self, messages: &[&[u8]]) -> Result<Vec<Signature>, SignError> {
        let _ = self.gate.arrived.send(messages.len());
        match self.gate.open.recv() {
            Ok(Way::On) => self.signer.sign_many(messages),
            Ok(Way::Panic) => panic!("the test wants a panic here"),
            Ok(Way::Fail) | Err(_) => Err(SignError::new("the test wants this to fail")),
        }
    }
}
