//! The core's async driver over tokio's streams, with a deadline.

use std::io;
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use minipki_core::drive::{DriveError, drive_async};
use minipki_core::link::{LinkOver, Machine, Observer, Want};
use minipki_core::session;
use tokio::io::{AsyncRead, AsyncWrite, join};
use tokio::time::timeout;

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
