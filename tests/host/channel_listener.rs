//! The listener: peers that are silent, strange or many keep nobody waiting.

use minipki_client::{ChannelOptions, ClientError, Listener, connect};
use minipki_core::cert::Error;
use minipki_core::session;
use minipki_core::wire::Code;
use minipki_net::NetError;
use minipki_tests::peers::{OTHER_CA, hasty, identity, identity_of, put_frame, valid};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

async fn listener(options: ChannelOptions) -> (Listener, String) {
    let listener = Listener::bind("127.0.0.1:0", identity("bob"), options).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
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
    // They come first and say nothing, or not all of it.
    let _silent = TcpStream::connect(&address).await.expect("it listens");
    let mut partial = TcpStream::connect(&address).await.expect("it listens");
    tokio::io::AsyncWriteExt::write_all(&mut partial, &[0, 0]).await.expect("it listens");
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let (there, here) = tokio::join!(connect(&address, &alice, &options), listener.accept());
    assert_eq!(here.expect("the one that speaks").peer.subject_id().as_str(), "alice");
    there.expect("it was let in");
}

#[tokio::test]
async fn any_number_of_silent_connections_does_not_either() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    let (alice, options) = (identity("alice"), ChannelOptions::default());
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(&address).await.expect("it listens"));
    }
    let (there, here) = tokio::join!(connect(&address, &alice, &options), listener.accept());
    assert_eq!(here.expect("the one that speaks").peer.subject_id().as_str(), "alice");
    there.expect("it was let in");
    // The oldest had to go, the youngest still have their time.
    assert_eq!(silent[0].read(&mut [0]).await.expect("hung up on"), 0);
    let youngest = silent[99].try_read(&mut [0]).expect_err("nothing was said");
    assert_eq!(youngest.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_fails_is_reported_and_the_next_is_let_in() {
    let (mut listener, address) = listener(ChannelOptions::default()).await;
    let options = ChannelOptions::default();
    let foreign = identity_of(OTHER_CA, "alice", valid());
    let (there, here) = tokio::join!(connect(&address, &foreign, &options), listener.accept());
    assert_eq!(
        here.expect_err("the other side hangs up").session_error(),
        Some(session::Error::Refused(Code::CertificateRefused))
    );
    let error = there.expect_err("bob is of another CA");
    assert_eq!(error.session_error(), Some(session::Error::InvalidCertificate(Error::IssuerKeyMismatch)));
    assert!(error.to_string().starts_with(&address), "{error}");

    let mut stranger = TcpStream::connect(&address).await.expect("it listens");
    put_frame(&mut stranger, b"GET / HTTP/1.1").await;
    let error = listener.accept().await;
    let mut told = Vec::new();
    stranger.read_to_end(&mut told).await.expect("a refusal");
    assert!(told.windows(8).any(|part| part == b"bad_json"));
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
async fn a_silent_connection_is_given_up_at_its_deadline() {
    let (mut listener, address) =
        listener(ChannelOptions { deadlines: hasty(), ..ChannelOptions::default() }).await;
    let _silent = TcpStream::connect(&address).await.expect("it listens");
    let error = listener.accept().await.expect_err("nothing comes");
    assert!(matches!(error, ClientError::Exchange { source: NetError::Deadline(_), .. }), "{error}");
}

#[tokio::test]
async fn peers_that_come_together_are_let_in_one_after_another() {
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
