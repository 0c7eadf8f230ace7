//! A host with several addresses: one that never answers delays no other.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use minipki_client::connect_any;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// An address that drops who comes, and what makes it: a listener whose queue is full.
async fn blackhole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let listener = socket.listen(1).expect("it is bound");
    let address = listener.local_addr().expect("it is bound");
    let mut queue = Vec::new();
    // As long as one is let in there was room.
    while let Ok(stream) = timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        queue.push(stream.expect("it listens"));
        assert!(queue.len() < 100, "the queue is never full");
    }
    (address, listener, queue)
}

async fn listener() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    (listener.local_addr().expect("it is bound"), listener)
}

/// Long enough for any number of attempts that are 250 ms apart, and far less than TCP's own limit.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), work).await.expect("the next address is tried meanwhile")
}

#[tokio::test]
async fn an_address_that_never_answers_delays_no_other() {
    let (black, _listener, _queue) = blackhole().await;
    let (open, _open) = listener().await;
    let stream = soon(connect_any(&[black, open])).await.expect("one of them listens");
    assert_eq!(stream.peer_addr().expect("it is connected"), open);
}

#[tokio::test]
async fn an_address_that_refuses_gives_way_at_once() {
    // Bound and not listened at: it refuses, and nobody else gets it.
    let closed = TcpSocket::new_v4().expect("a socket");
    closed.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    let refusing = closed.local_addr().expect("it is bound");
    let (open, _open) = listener().await;
    // At 250 ms for each of them this would last longer than `soon` waits.
    let mut addresses = vec![refusing; 100];
    addresses.push(open);
    let stream = soon(connect_any(&addresses)).await.expect("one of them listens");
    assert_eq!(stream.peer_addr().expect("it is connected"), open);
    let error = soon(connect_any(&[refusing, refusing])).await.expect_err("none listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(soon(connect_any(&[])).await.expect_err("there is none").kind(), ErrorKind::NotFound);
}
