//! Ending a connection so that the last word is heard.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::timeout;

/// How long a peer may take over the last word.
const TIMEOUT: Duration = Duration::from_secs(1);

/// How much of what a peer still sends is thrown away for it.
const ALLOWANCE: u64 = 64 * 1024;

/// Sends `last`, ends our direction, and waits until the peer has ended its own.
///
/// Closing a socket that holds unread bytes resets the connection, and a reset destroys what the
/// peer has not read yet; so what it still sends is read away first, within bounds.
pub async fn close(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    last: &[u8],
) {
    let ending = async {
        writer.write_all(last).await?;
        writer.shutdown().await?;
        copy(&mut reader.take(ALLOWANCE), &mut sink()).await?;
        io::Result::Ok(())
    };
    // A peer that is gone, or does not listen, has waived its last word.
    let _ = timeout(TIMEOUT, ending).await;
}
