//! A person's conversation: lines go, messages come, both at any time.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};

use super::{Line, Lines, Note, Notes, duplex, encode, next_text};
use crate::client::{Channel, ClientError, Outgoing};

/// Sends each line of `input`, and writes each text that arrives to `output`.
///
/// The end of the input closes our direction; what the peer still says goes on arriving. The
/// conversation ends when both directions are closed.
///
/// # Errors
/// [`ClientError`]: the channel's, or the input's or output's own.
pub async fn converse<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    channel: Channel<R, W>,
    input: &mut Lines<impl AsyncBufRead + Unpin>,
    output: &mut (impl AsyncWrite + Unpin),
    notes: Notes<'_>,
) -> Result<(), ClientError> {
    let Channel { mut inbound, mut outbound, .. } = channel;
    let typing = AtomicBool::new(true);
    let sending = async {
        while let Some(line) = next_line(input).await? {
            say(&mut outbound, line, notes).await?;
        }
        typing.store(false, Relaxed);
        outbound.close().await
    };
    let receiving = async {
        while next_text(&mut inbound, output, notes).await?.is_some() {}
        if typing.load(Relaxed) {
            notes(Note::PeerClosed);
        }
        Ok(())
    };
    duplex(sending, receiving).await
}

async fn next_line(input: &mut Lines<impl AsyncBufRead + Unpin>) -> Result<Option<Line>, ClientError> {
    let what = "the input could not be read";
    input.next().await.map_err(|source| ClientError::Local { what, source })
}

/// Sends a line if it can be sent, and otherwise says why not.
async fn say<W: AsyncWrite + Unpin>(
    outbound: &mut Outgoing<W>,
    line: Line,
    notes: Notes<'_>,
) -> Result<(), ClientError> {
    let too_long = Note::LineTooLong { limit: Outgoing::<W>::LIMIT };
    match line {
        Line::Text(text) => match outbound.send(&encode(&text)).await {
            Err(ClientError::TooLong { .. }) => notes(too_long),
            sent => sent?,
        },
        Line::TooLong => notes(too_long),
        Line::NotText => notes(Note::LineNotText),
    }
    Ok(())
}
