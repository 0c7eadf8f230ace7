//! An attacker of a peer that listens, over TCP. Each attack shows its steps, and returns the refusal of the peer.
//!
//! The attacker has public data (certificates, and messages on the network) and keys that it makes itself and throws away.
//! It never has the private key of an identity. Each attack fails at one check of the peer.

use std::time::Duration;

use getrandom::SysRng;
use minipki_core::cert::{Certificate, Id};
use minipki_core::crypto::{KeyPair, x25519::PublicKey};
use minipki_core::limits::{FRAME_BODY, FRAME_HEADER};
use minipki_core::link::Misuse;
use minipki_core::noise::{self, SendMessage1, SendMessage3};
use minipki_core::session;
use minipki_core::time::UnixTime;
use minipki_core::wire::channel::{self, PROLOGUE, Payload, Step};
use minipki_core::wire::{Code, Refusal};
use rand_core::UnwrapErr;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::attack_error::AttackError;
use super::forgery::{Change, FalseCa, change_message_3, change_subject};
use super::relay::{Log, frame, relay};
use minipki_client::{ClientError, Deadlines};
use minipki_net::NetError;
use minipki_net::trace::explain::hex;
use minipki_provider::HostProvider;

/// The time in which a peer refuses. A peer that has accepted is silent.
const ANSWER: Duration = Duration::from_secs(10);

/// The name in the certificate of a false CA, if the attacker has no certificate to take a name from.
const ANY_NAME: &str = "mallory";

/// An attacker of one peer.
pub struct Attacker<'a> {
    /// The address of the peer, `host:port`.
    pub peer: &'a str,
    /// The provider that computes for the attacker.
    pub provider: HostProvider,
    /// Shows a step: a sentence.
    pub show: &'a dyn Fn(&str),
}

impl Attacker<'_> {
    /// Shows the certificate in `text`, without its private key. Returns the code of the refusal.
    ///
    /// # Errors
    /// [`AttackError`]; [`AttackError::Accepted`] if the peer accepts it.
    pub async fn steal(&self, text: &[u8]) -> Result<Code, AttackError> {
        let certificate = Certificate::parse(text)?;
        let (name, serial) = (certificate.subject_id(), certificate.serial_number());
        let key = self.new_key();
        self.show(&format!("mallory has a copy of the certificate of {name}, serial {serial}: it is public"));
        self.show(&format!(
            "mallory makes a key, {}…; the certificate is for another key, {}…",
            short(key.public()),
            short(certificate.subject_key())
        ));
        self.attempt(&key, |_| Ok((text.to_vec(), format!("the certificate of {name}"))), false).await
    }

    /// Shows the certificate in `text`, which has ended at `now`. Returns the code of the refusal.
    ///
    /// # Errors
    /// As [`Attacker::steal`]; [`AttackError::NotExpired`].
    pub async fn expired(&self, text: &[u8], now: UnixTime) -> Result<Code, AttackError> {
        let certificate = Certificate::parse(text)?;
        let (name, end) = (certificate.subject_id(), certificate.validity().not_after());
        if now <= end {
            return Err(AttackError::NotExpired { subject: name.to_string(), end });
        }
        self.show(&format!("mallory has a certificate of {name} that ended at {end}; now it is {now}"));
        self.show("the CA has signed it, so its signature is good");
        self.attempt(&self.new_key(), |_| Ok((text.to_vec(), "that certificate".to_owned())), false).await
    }

    /// Shows a certificate by a new CA that has the name of the peer's CA. `text` is a certificate to take the subject
    /// from. Returns the code of the refusal.
    ///
    /// # Errors
    /// As [`Attacker::steal`].
    pub async fn other_ca(&self, text: Option<&[u8]>) -> Result<Code, AttackError> {
        let subject =
            text.map(|text| Certificate::parse(text).map(|found| found.subject_id())).transpose()?;
        let subject = subject.map_or_else(|| Id::new(ANY_NAME), Ok).map_err(AttackError::forgery)?;
        self.show("mallory makes an RSA key, for a CA that only mallory knows");
        let (mut ca, key) = (FalseCa::new()?, self.new_key());
        let forge = |genuine: &Certificate<'_>| -> Result<_, AttackError> {
            let text = ca.certify(genuine, subject, key.public())?;
            let issuer = genuine.issuer_id();
            let shown =
                format!("a certificate for {subject}, signed by mallory's CA, which calls itself {issuer}");
            Ok((text, shown))
        };
        self.attempt(&key, forge, false).await
    }

    /// Shows the certificate in `text` with one changed byte in its subject. Returns the code of the refusal.
    ///
    /// # Errors
    /// As [`Attacker::steal`].
    pub async fn tamper_with_certificate(&self, text: &[u8]) -> Result<Code, AttackError> {
        let name = Certificate::parse(text)?.subject_id();
        let mut changed = text.to_vec();
        let change = change_subject(&mut changed)?;
        self.show(&format!(
            "mallory changes byte {} of the certificate of {name}: `{}` becomes `{}`",
            change.offset, change.from, change.to
        ));
        self.attempt(&self.new_key(), |_| Ok((changed, "the changed certificate".to_owned())), false).await
    }

    /// Sends a message 3 with one changed byte. Returns the code of the refusal.
    ///
    /// # Errors
    /// As [`Attacker::steal`].
    pub async fn tamper_with_message(&self, text: &[u8]) -> Result<Code, AttackError> {
        Certificate::parse(text)?;
        self.attempt(&self.new_key(), |_| Ok((text.to_vec(), "the certificate as it is".to_owned())), true)
            .await
    }

    /// Waits at `listener` for an honest peer, passes its connection on, and records it. After its end, sends the
    /// messages of its handshake again. Returns the code of the refusal.
    ///
    /// # Errors
    /// As [`Attacker::steal`]; [`AttackError::NothingRecorded`], [`AttackError::Relay`].
    pub async fn replay(&self, listener: &TcpListener) -> Result<Code, AttackError> {
        let address = listener.local_addr().map_err(AttackError::Relay)?;
        self.show(&format!(
            "mallory waits at {address} for an honest peer, and passes all bytes to {}",
            self.peer
        ));
        let caller = listener.accept().await.map_err(AttackError::Relay)?.0;
        let (called, log) = (self.dial().await?, Log::default());
        relay(caller, called, &log, None).await;
        let (sent, answered): (Vec<_>, Vec<_>) = log.take().into_iter().partition(|frame| frame.from_caller);
        let is_third = |body: &[u8]| channel::decode(Step::Three, &mut body.to_vec()).is_ok();
        let (first, third, second) = match (&sent[..], &answered[..]) {
            ([first, third, ..], [second, ..]) if is_third(body(&third.frame)) => {
                (&first.frame, &third.frame, &second.frame)
            }
            _ => return Err(AttackError::NothingRecorded),
        };
        self.show(&format!(
            "mallory has recorded {} frames of the peer, and cannot read those after the handshake",
            sent.len()
        ));
        let mut stream = self.dial().await?;
        self.show("-> message 1: as it was recorded");
        self.send(&mut stream, first).await?;
        let fresh = self.receive(&mut stream).await?;
        let differs =
            if fresh == *second { "the recorded one" } else { "not the recorded one: its keys are new" };
        self.show(&format!("<- message 2: {differs}"));
        self.show("-> message 3: as it was recorded");
        self.send(&mut stream, third).await?;
        self.answer(&mut stream).await
    }

    /// The certificate of the peer. The peer shows it to everybody who starts a handshake.
    pub(super) async fn peer_certificate(&self) -> Result<Vec<u8>, AttackError> {
        let (_, _, text) = self.greet(&self.new_key()).await?;
        Ok(text)
    }

    /// Runs a handshake with `key` up to message 3. `forge` makes the certificate in it from that of the peer, and names
    /// it. If `flip` is set, one byte of message 3 is changed.
    async fn attempt(
        &self,
        key: &KeyPair<HostProvider>,
        forge: impl FnOnce(&Certificate<'_>) -> Result<(Vec<u8>, String), AttackError>,
        flip: bool,
    ) -> Result<Code, AttackError> {
        let (mut stream, noise, text) = self.greet(key).await?;
        let genuine = Certificate::parse(&text).map_err(|e| self.wrong(e))?;
        let (shown, named) = forge(&genuine)?;
        let ((), mut third) = message(Step::Three, |out| noise.write(&shown, out).map(|(_, len)| ((), len)))
            .map_err(|e| self.wrong(e))?;
        self.show(&format!("-> message 3: {named}"));
        if flip {
            let Change { offset, from, to } = change_message_3(&mut third)?;
            self.show(&format!(
                "   with a change on its way: byte {offset} of the frame, `{from}` becomes `{to}`"
            ));
        }
        self.send(&mut stream, &third).await?;
        self.answer(&mut stream).await
    }

    /// Runs a handshake with `key` until the peer has shown its certificate. Returns the connection, the state before
    /// message 3, and the certificate.
    async fn greet(
        &self,
        key: &KeyPair<HostProvider>,
    ) -> Result<(TcpStream, SendMessage3<HostProvider>, Vec<u8>), AttackError> {
        let mut stream = self.dial().await?;
        let noise = SendMessage1::new(PROLOGUE, key.clone(), self.new_key());
        let (noise, first) = message(Step::One, |out| noise.write(&[], out)).map_err(|e| self.wrong(e))?;
        self.show("-> message 1: a new ephemeral key; anybody can send this");
        self.send(&mut stream, &first).await?;
        let mut second = self.receive(&mut stream).await?;
        let second = second.get_mut(FRAME_HEADER..).unwrap_or_default();
        if let Ok(refusal) = Refusal::decode(second) {
            return Err(self.wrong(session::Error::Refused(refusal.code)));
        }
        let range = channel::decode(Step::Two, second).map_err(|e| self.wrong(e))?;
        let second = second.get_mut(range).unwrap_or_default();
        let (noise, payload) = noise.read(second).map_err(|e| self.wrong(e))?;
        let payload = Payload::decode(second.get(payload).unwrap_or_default()).map_err(|e| self.wrong(e))?;
        let text = payload.certificate.to_vec();
        let genuine = Certificate::parse(&text).map_err(|e| self.wrong(e))?;
        let (name, serial) = (genuine.subject_id(), genuine.serial_number());
        self.show(&format!("<- message 2: the certificate of {name}, serial {serial}"));
        Ok((stream, noise, text))
    }

    /// Waits for the refusal of the peer.
    async fn answer(&self, stream: &mut TcpStream) -> Result<Code, AttackError> {
        let Ok(received) = timeout(ANSWER, frame(stream)).await else { return Err(AttackError::Accepted) };
        let frame = received.ok().flatten().ok_or(AttackError::Ended)?;
        let refusal = Refusal::decode(body(&frame)).map_err(|_| AttackError::Accepted)?;
        self.show(&format!("<- refused ({}): {}", refusal.code, refusal.code.text()));
        Ok(refusal.code)
    }

    async fn dial(&self) -> Result<TcpStream, ClientError> {
        let (address, limit) = (self.peer.to_owned(), Deadlines::default().connect);
        match timeout(limit, TcpStream::connect(self.peer)).await {
            Ok(connected) => connected.map_err(|source| ClientError::Unreachable { address, source }),
            Err(_) => Err(ClientError::ConnectDeadline { address, limit }),
        }
    }

    async fn send(&self, stream: &mut TcpStream, frame: &[u8]) -> Result<(), AttackError> {
        stream.write_all(frame).await.map_err(|error| self.failed(error))
    }

    /// The next frame of the peer, in the time of an exchange.
    async fn receive(&self, stream: &mut TcpStream) -> Result<Vec<u8>, AttackError> {
        let limit = Deadlines::default().exchange;
        let received =
            timeout(limit, frame(stream)).await.map_err(|_| self.failed(NetError::Deadline(limit)))?;
        received.map_err(|error| self.failed(error))?.ok_or(AttackError::Ended)
    }

    fn new_key(&self) -> KeyPair<HostProvider> {
        KeyPair::generate(self.provider, &mut UnwrapErr(SysRng))
    }

    fn show(&self, step: &str) {
        (self.show)(step);
    }

    /// The error of a connection that failed before the attack.
    fn failed(&self, error: impl Into<NetError>) -> AttackError {
        ClientError::Exchange { with: self.peer.to_owned(), source: error.into() }.into()
    }

    /// The error of a message that is not as the protocol has it.
    fn wrong(&self, error: impl Into<session::Error>) -> AttackError {
        self.failed(error.into())
    }
}

/// The frame of message `step`, with the Noise message that `compose` writes, and the state after it.
fn message<T>(
    step: Step,
    compose: impl FnOnce(&mut [u8]) -> Result<(T, usize), noise::Error>,
) -> Result<(T, Vec<u8>), session::Error> {
    let (mut body, mut next) = (vec![0; FRAME_BODY], None);
    let len = channel::encode(step, &mut body, |out| {
        let (state, len) = compose(out)?;
        next = Some(state);
        Ok::<_, session::Error>(len)
    })?;
    body.truncate(len);
    let frame = [&(len as u32).to_be_bytes()[..], &body].concat();
    Ok((next.ok_or(Misuse::OutOfTurn)?, frame))
}

fn body(frame: &[u8]) -> &[u8] {
    frame.get(FRAME_HEADER..).unwrap_or_default()
}

/// The first bytes of a public key, in hexadecimal.
fn short(key: &PublicKey) -> String {
    hex(&key.as_bytes()[..8])
}
