//! The async twin of the core's blocking driver, with a deadline.

use std::future::Future;
use std::io;
use std::time::Duration;

use minipki_core::link::{LinkOver, Machine, Observer, Want};
use minipki_core::session;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why driving stopped short.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The connection failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// A message failed a check; the link may still be driven on.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The peer took longer than it may.
    #[error("the peer did not get on within {0:?}")]
    Deadline(Duration),
}

/// Moves bytes until the application has something to do ([`Want::Deliver`]) or
/// the machine has ended ([`Want::Finished`]).
///
/// `deadline` bounds the whole of it, so a peer that drips bytes gains nothing;
/// `None` waits for ever, as an open channel does for its peer's next message.
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
    within(deadline, async {
        loop {
            match link.want()? {
                Want::Send => {
                    let n = writer.write(link.to_send()).await?;
                    if n == 0 {
                        return Err(io::Error::from(io::ErrorKind::WriteZero).into());
                    }
                    link.sent(n);
                    if link.to_send().is_empty() {
                        writer.flush().await?;
                    }
                }
                Want::Receive => {
                    let n = reader.read(link.space()).await?;
                    link.received(n);
                }
                done => return Ok(done),
            }
        }
    })
    .await
}

async fn within<T>(
    deadline: Option<Duration>,
    work: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    match deadline {
        None => work.await,
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or(Err(NetError::Deadline(limit))),
    }
}
