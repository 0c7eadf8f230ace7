//! A conversation of a script: texts to send, texts to expect, and a deadline.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::limits::{Watch, close, ended_in_order};
use super::{ChatOptions, duplex, encode, next_text};
use crate::error::Ending;
use crate::{Channel, ClientError, Incoming, Outgoing};
use minipki_net::NetError;

/// The time that the peer has to close its direction at the end. A peer that a person controls may not close at all.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The texts of a conversation.
#[derive(Clone, Debug)]
pub struct Script {
    /// Texts to send, in this order, at once.
    pub send: Vec<String>,
    /// Texts that must arrive, each in its own message, in any order. Other messages may arrive too.
    pub expect: Vec<String>,
    /// The time limit.
    pub deadline: Duration,
}

/// Sends the texts of `script`, waits for the expected ones, and closes. Each received text is written to `output`.
///
/// # Errors
/// [`ClientError::Missing`] if an expected text did not arrive before the peer closed or the deadline passed;
/// [`ClientError::TooLong`] before anything is sent; otherwise an error of the channel, or a limit.
pub async fn run<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    channel: Channel<R, W>,
    script: &Script,
    output: &mut (impl AsyncWrite + Unpin),
    options: &ChatOptions<'_>,
) -> Result<(), ClientError> {
    let bodies: Vec<_> = script.send.iter().map(|text| encode(text)).collect();
    let limit = Outgoing::<W>::LIMIT;
    if let Some(body) = bodies.iter().find(|body| body.len() > limit) {
        return Err(ClientError::TooLong { len: body.len(), limit });
    }
    let limits = Watch::new(&channel, options);
    let Channel { peer, mut inbound, mut outbound, .. } = channel;
    let mut missing: Vec<&str> = script.expect.iter().map(String::as_str).collect();

    let sending = async {
        for body in &bodies {
            limits.message()?;
            outbound.send(body).await?;
        }
        Ok(())
    };
    let receiving = receive_expected(&mut inbound, &mut missing, output, options, &limits);
    let both = async {
        tokio::select! {
            done = duplex(sending, receiving) => done,
            over = limits.over() => over,
        }
    };
    let done = timeout(script.deadline, both)
        .await
        .unwrap_or_else(|_| Err(late(&missing, script.deadline, peer.subject_id())));
    if done.is_err() && ended_in_order(&done) {
        close(&done, &mut inbound, &mut outbound, output, options, &limits).await;
    }
    if matches!(&done, Err(error) if !matches!(error, ClientError::Missing { .. })) {
        return done;
    }

    // The channel is closed in order even if a text is missing.
    let closing = outbound.close();
    let receiving = async {
        while done.is_ok() && next_text(&mut inbound, output, options, &limits).await?.is_some() {}
        Ok(())
    };
    // A peer that does not close in time is no error.
    let closed = timeout(CLOSE_TIMEOUT, duplex(closing, receiving)).await.unwrap_or(Ok(()));
    done.and(closed)
}

/// Receives texts until none of `missing` is left.
async fn receive_expected(
    inbound: &mut Incoming<impl AsyncRead + Unpin>,
    missing: &mut Vec<&str>,
    output: &mut (impl AsyncWrite + Unpin),
    options: &ChatOptions<'_>,
    limits: &Watch<'_>,
) -> Result<(), ClientError> {
    while let Some(first) = missing.first().copied() {
        let Some(text) = next_text(inbound, output, options, limits).await? else {
            return Err(ClientError::Missing { text: first.to_owned(), why: Ending::Closed });
        };
        if let Some(at) = missing.iter().position(|expected| *expected == text) {
            missing.remove(at);
        }
    }
    Ok(())
}

fn late(missing: &[&str], limit: Duration, peer: impl ToString) -> ClientError {
    match missing.first() {
        Some(text) => ClientError::Missing { text: (*text).to_owned(), why: Ending::Deadline(limit) },
        // All expected texts have arrived, but not all texts have been sent.
        None => ClientError::exchange(peer, NetError::Deadline(limit)),
    }
}
