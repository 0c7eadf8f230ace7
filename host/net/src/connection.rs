//! A connection over tokio: accepted, driven with a deadline, and closed in order.

use std::fmt::Display;
use std::hash::Hash;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use miette::Diagnostic;
use minipki_core::cert;
use minipki_core::drive::{DriveError, drive_async};
use minipki_core::link::{LinkOver, Machine, Observer, Want};
use minipki_core::session;
use minipki_core::wire::Code;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, join, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::LogLimit;

/// The wait before the next try when the operating system gives no connection, for example without free descriptors.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// The time limit of [`close`].
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of bytes that [`close`] reads and discards.
const DISCARDED: u64 = 64 * 1024;

/// Accepts the next connection. Tries again while the operating system gives none, and logs that with a limit. May be
/// dropped at any time.
pub async fn accept<S>(listener: &TcpListener, log: &LogLimit<S>) -> (TcpStream, SocketAddr)
where
    S: Copy + Eq + Hash + Display,
{
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The peer has left the queue.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if let Some(left_out) = log.note("cannot accept", None) {
                    let more = left_out.count();
                    tracing::warn!(%error, more, "cannot accept connections now; they wait");
                }
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// The reason why [`drive`] stopped early.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// A message failed a check. The link can still be driven.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The peer exceeded the deadline.
    #[error("the peer exceeded the time limit of {0:?}")]
    Deadline(Duration),
}

impl Diagnostic for NetError {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        advice(self).map(|advice| Box::new(advice) as Box<dyn Display>)
    }
}

/// The next action for an error whose text does not name one.
const fn advice(error: &NetError) -> Option<&'static str> {
    Some(match error {
        NetError::Deadline(_) => "check the address, and whether the program there is busy",
        NetError::Session(session::Error::InvalidCertificate(error)) => match error {
            cert::Error::IssuerMismatch | cert::Error::IssuerKeyMismatch => {
                "this is another CA than the pinned one: compare its fingerprint with the operator's"
            }
            cert::Error::SubjectMismatch => "another peer answers there: check the address and the name",
            _ => return None,
        },
        NetError::Session(session::Error::Refused(Code::CertificateRefused)) => {
            "check that both sides have the same CA, the right time, and a certificate that has not expired"
        }
        NetError::Session(session::Error::Refused(Code::HandshakeFailed) | session::Error::Noise(_)) => {
            "the message was made with another key, or was changed on its way"
        }
        NetError::Session(session::Error::InvalidFrame(_) | session::Error::InvalidMessage(_)) => {
            "is it a MiniPKI that answers there?"
        }
        _ => return None,
    })
}

/// Moves bytes until the application must act ([`Want::Deliver`]) or the machine has ended ([`Want::Finished`]).
///
/// `deadline` limits the whole call, also for a peer that sends byte by byte. `None` has no limit, for example for
/// the next message of an open channel.
///
/// # Errors
/// [`NetError`].
pub async fn drive<B, M, O>(
    link: &mut LinkOver<B, M, O>,
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    deadline: Option<Duration>,
) -> Result<Want, NetError>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    M: Machine<Error = session::Error>,
    O: Observer,
{
    let mut stream = FromTokio::new(join(reader, writer));
    let work = drive_async(link, &mut stream);
    let driven = match deadline {
        None => work.await,
        Some(limit) => timeout(limit, work).await.map_err(|_| NetError::Deadline(limit))?,
    };
    driven.map_err(|error| match error {
        DriveError::Io(error) => error.into(),
        DriveError::Session(error) => error.into(),
    })
}

/// Sends `last`, ends our direction, and waits until the peer has ended its own.
///
/// A socket that is closed with unread bytes resets the connection, and the peer can lose `last`. So this reads and
/// discards bytes of the peer first, within limits.
pub async fn close(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    last: &[u8],
) {
    let closing = async {
        writer.write_all(last).await?;
        writer.shutdown().await?;
        copy(&mut reader.take(DISCARDED), &mut sink()).await?;
        io::Result::Ok(())
    };
    // The connection ends in any case.
    let _ = timeout(CLOSE_TIMEOUT, closing).await;
}
