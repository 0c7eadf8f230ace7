//! The TCP connections of channels: a listener with silent, hostile or many peers, and a host with several addresses.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use minipki_client::{ChannelOptions, ClientError, Listener, connect, connect_any};
use minipki_core::cert::Error;
use minipki_core::session;
use minipki_core::wire::Code;
use minipki_net::NetError;
use minipki_tests::peers::{OTHER_CA, identity, identity_of, put_frame, short_deadlines, valid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

async fn listener(options: ChannelOptions) -> (Listener, String) {
    let listener = Listener::bind("127.0.0.1:0", identity("bob"), options).await.expect("a free port");
    let address = listener.local_addr().expect("the socket is bound").to_string();
    (listener, address)
}

#[tokio::test]
async fn a_channel_over_tcp() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let (there, here) = tokio::join!(connect(&address, &alice, &options), listener.accept());
    let (mut there, mut here) = (there.expect("certified"), here.expect("certified"));
    assert_eq!(there.handshake_hash, here.handshake_hash);
    there.outbound.send(b"hello").await.expect("open");
    assert_eq!(here.inbound.receive().await.expect("open"), Some(&b"hello"[..]));
    here.outbound.close().await.expect("open");
    assert_eq!(there.inbound.receive().await.expect("open"), None);
}

#[tokio::test]
async fn a_silent_connection_does_not_hold_up_the_next() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    // These connections come first and send nothing or half a message.
    let _silent = TcpStream::connect(&address).await.expect("the server listens");
    let mut partial = TcpStream::connect(&address).await.expect("the server listens");
    partial.write_all(&[0, 0]).await.expect("the server listens");
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let (there, here) = tokio::join!(connect(&address, &alice, &options), listener.accept());
    assert_eq!(here.expect("the honest connection").peer.subject_id().as_str(), "alice");
    there.expect("accepted");
}

#[tokio::test]
async fn a_hundred_silent_connections_do_not_hold_up_the_next() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(&address).await.expect("the server listens"));
    }
    let (there, here) = tokio::join!(connect(&address, &alice, &options), listener.accept());
    assert_eq!(here.expect("the honest connection").peer.subject_id().as_str(), "alice");
    there.expect("accepted");
    // The oldest connection was closed. The newest is still open.
    assert_eq!(silent[0].read(&mut [0]).await.expect("closed"), 0);
    let youngest = silent[99].try_read(&mut [0]).expect_err("nothing was sent");
    assert_eq!(youngest.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_failed_handshake_is_reported_and_the_next_peer_is_accepted() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    let options = ChannelOptions::default();
    let foreign = identity_of(OTHER_CA, "alice", valid());
    let (there, here) = tokio::join!(connect(&address, &foreign, &options), listener.accept());
    assert_eq!(
        here.expect_err("the other side refuses").session_error(),
        Some(session::Error::Refused(Code::CertificateRefused))
    );
    let error = there.expect_err("bob is of another CA");
    assert_eq!(error.session_error(), Some(session::Error::InvalidCertificate(Error::IssuerKeyMismatch)));
    assert!(error.to_string().starts_with(&address), "{error}");

    let mut stranger = TcpStream::connect(&address).await.expect("the server listens");
    put_frame(&mut stranger, b"GET / HTTP/1.1").await;
    let error = listener.accept().await;
    let mut refusal = Vec::new();
    stranger.read_to_end(&mut refusal).await.expect("a refusal");
    assert!(refusal.windows(8).any(|part| part == b"bad_json"));
    assert!(matches!(
        error.expect_err("no handshake").session_error(),
        Some(session::Error::InvalidMessage(_))
    ));

    let alice = identity("alice");
    let (there, here) = tokio::join!(connect(&address, &alice, &options), listener.accept());
    there.expect("certified");
    here.expect("certified");
}

#[tokio::test]
async fn a_silent_connection_is_ended_at_its_deadline() {
    let (mut listener, address) =
        listener(ChannelOptions { deadlines: short_deadlines(), ..ChannelOptions::default() }).await;
    let _silent = TcpStream::connect(&address).await.expect("the server listens");
    let error = listener.accept().await.expect_err("nothing comes");
    assert!(matches!(error, ClientError::Exchange { source: NetError::Deadline(_), .. }), "{error}");
}

#[tokio::test]
async fn peers_that_connect_together_are_accepted_one_after_another() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    let options = ChannelOptions::default();
    let (alice, carol) = (identity("alice"), identity("carol"));
    let both = async {
        let mut names = Vec::new();
        for _ in 0..2 {
            let channel = listener.accept().await.expect("certified");
            names.push(channel.peer.subject_id().to_string());
        }
        names.sort();
        names
    };
    let (one, two, names) =
        tokio::join!(connect(&address, &alice, &options), connect(&address, &carol, &options), both);
    assert_eq!(names, ["alice", "carol"]);
    assert!(one.is_ok() && two.is_ok());
}

/// The address of a listener whose queue is full, so that it never answers. The values keep the queue full.
async fn blackhole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let listener = socket.listen(1).expect("the socket is bound");
    let address = listener.local_addr().expect("the socket is bound");
    let mut queue = Vec::new();
    // A successful connection shows that the queue had room.
    while let Ok(stream) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        queue.push(stream.expect("the server listens"));
        assert!(queue.len() < 100, "the queue is never full");
    }
    (address, listener, queue)
}

async fn open_port() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    (listener.local_addr().expect("the socket is bound"), listener)
}

/// Waits for some attempts that are 250 ms apart. The limit is far below the timeout of TCP.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("the next address is tried meanwhile")
}

#[tokio::test]
async fn an_address_that_never_answers_delays_no_other() {
    let (black, _listener, _queue) = blackhole().await;
    let (open, _open) = open_port().await;
    let stream = soon(connect_any(&[black, open])).await.expect("one of them listens");
    assert_eq!(stream.peer_addr().expect("the socket is connected"), open);
}

#[tokio::test]
async fn after_a_refusal_the_next_address_is_tried_at_once() {
    // A bound port without a listener refuses connections, and no other program gets it.
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let refusing = closed.local_addr().expect("the socket is bound");
    let (open, _open) = open_port().await;
    // With 250 ms for each of them this would exceed the limit of `soon`.
    let mut addresses = vec![refusing; 100];
    addresses.push(open);
    let stream = soon(connect_any(&addresses)).await.expect("one of them listens");
    assert_eq!(stream.peer_addr().expect("the socket is connected"), open);
    let error = soon(connect_any(&[refusing, refusing])).await.expect_err("none listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(soon(connect_any(&[])).await.expect_err("no address").kind(), ErrorKind::NotFound);
}
