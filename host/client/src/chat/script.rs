//! A script's conversation: some texts to send, some to expect, and an end.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::limits::{Watch, ended_in_order, part};
use super::{ChatOptions, duplex, encode, next_text};
use crate::error::Ending;
use crate::{Channel, ClientError, Incoming, Outgoing};
use minipki_net::NetError;

/// How long the peer is given to close once all is done. One that a person sits at may not close at all.
const PARTING: Duration = Duration::from_secs(2);

/// What to say and what to hear.
#[derive(Clone, Debug)]
pub struct Script {
    /// Texts to send, in this order, at once.
    pub send: Vec<String>,
    /// Texts that must arrive, each as a message of its own, in any order, among any others.
    pub expect: Vec<String>,
    /// How long that may take.
    pub deadline: Duration,
}

/// Sends what is to be sent, and waits for what is expected; then closes. What arrives is written to `output`.
///
/// # Errors
/// [`ClientError::Missing`] if what was expected did not arrive before the peer closed or the
/// deadline passed; [`ClientError::TooLong`] before anything is sent; otherwise the channel's own, or a limit's.
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
    let hearing = hear(&mut inbound, &mut missing, output, options, &limits);
    let both = async {
        tokio::select! {
            heard = duplex(sending, hearing) => heard,
            over = limits.over() => over,
        }
    };
    let heard = timeout(script.deadline, both)
        .await
        .unwrap_or_else(|_| Err(late(&missing, script.deadline, peer.subject_id())));
    if heard.is_err() && ended_in_order(&heard) {
        part(&heard, &mut inbound, &mut outbound, output, options, &limits).await;
    }
    if matches!(&heard, Err(error) if !matches!(error, ClientError::Missing { .. })) {
        return heard;
    }

    // A script that did not hear enough still parts in an orderly way: nothing is wrong with the channel.
    let closing = outbound.close();
    let hearing = async {
        while heard.is_ok() && next_text(&mut inbound, output, options, &limits).await?.is_some() {}
        Ok(())
    };
    // Not to be waited for any longer, but an error that comes within is one.
    let parted = timeout(PARTING, duplex(closing, hearing)).await.unwrap_or(Ok(()));
    heard.and(parted)
}

/// Crosses off what arrives, until nothing is missing.
async fn hear(
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
        // All has arrived; what was to be sent is still on its way.
        None => ClientError::exchange(peer, NetError::Deadline(limit)),
    }
}
