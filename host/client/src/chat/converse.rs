//! A conversation of a person: lines are sent and messages are received at the same time.

use std::io;
use std::pin::pin;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::limits::{Watch, close, ended_in_order};
use super::{ChatOptions, Line, Lines, Note, Notes, duplex, encode, next_text};
use crate::{Channel, ClientError, Liveness, Outgoing};

/// The source of the lines of a conversation.
pub trait Input {
    /// The next line; `None` at the end. Must be cancel-safe.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Line>>> + Send;

    /// Whether the end of this input also ends the input of other conversations.
    fn is_shared(&self) -> bool {
        false
    }
}

impl<R: AsyncBufRead + Unpin + Send> Input for Lines<R> {
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Line>>> + Send {
        Self::next(self)
    }
}

/// Sends each line of `input`, and writes each received text to `output`.
///
/// The end of the input closes our direction. Messages of the peer are still received. The conversation ends when both
/// directions are closed, when a limit is reached, or at the request of [`ChatOptions::stop`].
///
/// # Errors
/// [`ClientError`]: an error of the channel, a limit, or an error of the input or the output.
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
                send(&mut outbound, line, options.notes).await?;
            }
            typing.send_replace(false);
            outbound.close().await?;
            limits.own_closed();
            Ok(())
        };
        let receiving = async {
            while next_text(&mut inbound, output, options, &limits).await?.is_some() {}
            limits.peer_closed();
            if *still_typing.borrow() {
                (options.notes)(Note::PeerClosed { shared });
                // Nothing is read any more, so a lost connection must be detected here.
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
        close(&ended, &mut inbound, &mut outbound, output, options, &limits).await;
    }
    ended
}

async fn next_line(input: &mut impl Input) -> Result<Option<Line>, ClientError> {
    let what = "the input could not be read";
    input.next().await.map_err(|source| ClientError::Local { what, source })
}

/// Sends a line, or notes why it cannot be sent.
async fn send<W: AsyncWrite + Unpin>(
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
