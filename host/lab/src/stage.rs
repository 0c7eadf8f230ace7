//! The stage of the scenes: bob listens on this machine. mallory attacks him, or answers alice in his place.

use std::cell::RefCell;
use std::net::Ipv4Addr;

use minipki_core::wire::Code;
use tokio::io::{DuplexStream, duplex, split};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::attack_error::AttackError;
use super::attacks::{impersonate, now};
use super::exchange::{LIMIT, PIPE, QUESTION, connect, receive_text};
use super::relay::{Log, relay};
use super::scene::{Attacked, Scene};
use super::step::Exchange;
use super::{Attacker, Participant, ScenarioError, Step, verdict};
use minipki_client::{ChannelOptions, ClientError, Identity, Role, chat, open};
use minipki_os::clock;

/// The error of the attacked client, and all messages.
type Ended = (Option<ClientError>, Vec<Step>);

/// Runs `scene`. `ended` is a certificate of the trusted CA that has ended.
pub(super) async fn run(
    scene: Scene,
    alice: &Identity,
    bob: &Identity,
    ended: &[u8],
) -> Result<Attacked, ScenarioError> {
    let told = RefCell::new(Vec::new());
    let show = |step: &str| told.borrow_mut().push(step.to_owned());
    let listener = listen().await?;
    let peer = listener.local_addr().map_err(AttackError::Relay)?.to_string();
    let mallory = Attacker { peer: &peer, provider: alice.key().provider(), show: &show };
    let staged = async {
        match scene {
            Scene::Replay => Box::pin(replay(&mallory, &listener, alice, bob)).await,
            Scene::Stolen => Box::pin(alone(mallory.steal(alice.certificate()), &listener, bob)).await,
            Scene::OtherCa => {
                Box::pin(alone(mallory.other_ca(Some(alice.certificate())), &listener, bob)).await
            }
            Scene::Expired => {
                let now = clock::now().map_err(|error| AttackError::from(ClientError::from(error)))?;
                Box::pin(alone(mallory.expired(ended, now), &listener, bob)).await
            }
            Scene::Middle => Box::pin(middle(&mallory, &listener, alice, bob)).await,
        }
    };
    let (error, steps) = timeout(LIMIT, staged).await.map_err(|_| ScenarioError::Stuck)??;
    let error = error.ok_or(ScenarioError::Accepted(scene.title()))?;
    Ok(Attacked {
        scene,
        told: told.take(),
        steps,
        by: if scene == Scene::Middle { Participant::Alice } else { Participant::Bob },
        check: verdict::check(&error),
        code: error.session_error().and_then(|error| error.code()).map(Code::as_str),
    })
}

async fn listen() -> Result<TcpListener, AttackError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(AttackError::Relay)
}

/// mallory attacks bob, who listens.
async fn alone(
    attack: impl Future<Output = Result<Code, AttackError>>,
    listener: &TcpListener,
    bob: &Identity,
) -> Result<Ended, ScenarioError> {
    let attack = async { attack.await.map_err(ScenarioError::from) };
    let (_, ended) = tokio::try_join!(attack, serve(listener, bob, Exchange::Attack))?;
    Ok(ended)
}

/// alice talks to bob through mallory, who records it. Then mallory sends the handshake again.
async fn replay(
    mallory: &Attacker<'_>,
    listener: &TcpListener,
    alice: &Identity,
    bob: &Identity,
) -> Result<Ended, ScenarioError> {
    let between = listen().await?;
    let address = between.local_addr().map_err(AttackError::Relay)?.to_string();
    let attack = async { mallory.replay(&between).await.map_err(ScenarioError::from) };
    let at_bob = async {
        let (honest, mut steps) = serve(listener, bob, Exchange::Channel).await?;
        if let Some(source) = honest {
            return Err(ScenarioError::Client { by: Participant::Bob, source });
        }
        let (error, again) = serve(listener, bob, Exchange::Attack).await?;
        steps.extend(again);
        Ok((error, steps))
    };
    let at_alice = async {
        let talked = talk(alice, bob, &address).await;
        talked.map_err(|source| ScenarioError::Client { by: Participant::Alice, source })
    };
    let (_, ended, ()) = tokio::try_join!(attack, at_bob, at_alice)?;
    Ok(ended)
}

/// alice connects to mallory. mallory gets the certificate of bob from bob himself, and answers alice with it.
async fn middle(
    mallory: &Attacker<'_>,
    listener: &TcpListener,
    alice: &Identity,
    bob: &Identity,
) -> Result<Ended, ScenarioError> {
    let ((own, near), (far, of_mallory)) = (duplex(PIPE), duplex(PIPE));
    let log = Log::default();
    let attack = async {
        (mallory.show)("mallory takes the connection of alice, and connects to bob");
        let certificate = mallory.peer_certificate().await?;
        (mallory.show)("mallory makes a key, and answers alice with it and with the certificate of bob");
        impersonate(of_mallory, &certificate, alice, now()?).await;
        Ok::<_, ScenarioError>(())
    };
    let passing = async {
        relay(near, far, &log, None).await;
        Ok::<_, ScenarioError>(())
    };
    let at_alice = async { Ok::<_, ScenarioError>(connect(own, alice, bob, None, None).await.err()) };
    let (error, (), (), (_, with_bob)) =
        tokio::try_join!(at_alice, passing, attack, serve(listener, bob, Exchange::Attack))?;
    let mut steps = Step::all(log.take(), Exchange::Intercepted);
    // alice's first message comes before those with bob.
    let first = steps.len().min(1);
    steps.splice(first..first, with_bob);
    Ok((error, steps))
}

/// Lets bob take one connection. Returns his error, and the messages.
async fn serve(listener: &TcpListener, bob: &Identity, exchange: Exchange) -> Result<Ended, ScenarioError> {
    let (caller, _) = listener.accept().await.map_err(AttackError::Relay)?;
    let (near, own) = duplex(PIPE);
    let log = Log::default();
    let (answered, ()) = tokio::join!(answer(own, bob), relay(caller, near, &log, None));
    Ok((answered.err(), Step::all(log.take(), exchange)))
}

/// bob's end of a connection: he takes any peer of his CA, as `minipki listen` does, and reads until the peer closes.
async fn answer(stream: DuplexStream, bob: &Identity) -> Result<(), ClientError> {
    let (reader, writer) = split(stream);
    let options = ChannelOptions::default();
    let mut channel = open(Role::Responder, "the peer", reader, writer, bob, &options).await?;
    while receive_text(&mut channel).await?.is_some() {}
    channel.outbound.close().await
}

/// alice's end of an honest conversation.
async fn talk(alice: &Identity, bob: &Identity, address: &str) -> Result<(), ClientError> {
    let options = ChannelOptions { peer: Some(bob.subject_id().into()), ..ChannelOptions::default() };
    let mut channel = minipki_client::connect(address, alice, &options).await?;
    channel.outbound.send(&chat::encode(QUESTION)).await?;
    channel.outbound.close().await?;
    while channel.inbound.receive().await?.is_some() {}
    Ok(())
}
