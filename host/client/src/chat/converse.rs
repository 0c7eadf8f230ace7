//! A person's conversation: lines go, messages come, both at any time.

use std::io;
use std::pin::pin;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::limits::{Watch, ended_in_order, part};
use super::{ChatOptions, Line, Lines, Note, Notes, duplex, encode, next_text};
use crate::{Channel, ClientError, Liveness, Outgoing};

/// Where the lines of a conversation come from.
pub trait Input {
    /// The next line, or `None` at the end. May be dropped at any point, and called again: nothing is lost.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Line>>> + Send;

    /// Whether its end is the end of the input of other conversations, too.
    fn is_shared(&self) -> bool {
        false
    }
}

impl<R: AsyncBufRead + Unpin + Send> Input for Lines<R> {
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Line>>> + Send {
        Self::next(self)
    }
}

/// Sends each line of `input`, and writes each text that arrives to `output`.
///
/// The end of the input closes our direction; what the peer still says goes on arriving. The
/// conversation ends when both directions are closed, by its limits, or when it is asked to stop.
///
/// # Errors
/// [`ClientError`]: the channel's, a limit's, or the input's or output's own.
pub async fn converse<R: AsyncRead + Liveness + Unpin, W: AsyncWrite + Unpin>(
    channel: Channel<R, W>,
    input: &mut impl Input,
    output: &mut (impl AsyncWrite + Unpin),
    options: &ChatOptions<'_>,
) -> Result<(), ClientError> {
    let shared = input.is_shared();
    let limits = Watch::new(&channel, options);
    let Channel { mut inbound, mut outbound, .. } = channel;
    let ended = {
        let (typing, mut still_typing) = watch::channel(true);
        let sending = async {
            while let Some(line) = next_line(input).await? {
                limits.message()?;
                say(&mut outbound, line, options.notes).await?;
            }
            typing.send_replace(false);
            outbound.close().await?;
            limits.part();
            Ok(())
        };
        let receiving = async {
            while next_text(&mut inbound, output, options, &limits).await?.is_some() {}
            limits.peer_closed();
            if *still_typing.borrow() {
                (options.notes)(Note::PeerClosed { shared });
                // Nothing is read any more, so nothing else would tell that the peer is gone.
                tokio::select! {
                    biased;
                    _ = still_typing.wait_for(|typing| !typing) => {}
                    lost = inbound.lost() => return Err(lost),
                }
            }
            Ok(())
        };
        let both = pin!(duplex(sending, receiving));
        tokio::select! {
            done = both => done,
            over = limits.over() => over,
        }
    };
    if ended_in_order(&ended) {
        part(&ended, &mut inbound, &mut outbound, output, options, &limits).await;
    }
    ended
}

async fn next_line(input: &mut impl Input) -> Result<Option<Line>, ClientError> {
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
