//! TCP for tasks, over the board's network: `embedded-io-async` on one of its sockets.

use core::cell::RefCell;
use core::future::poll_fn;
use core::net::SocketAddrV4;
use core::task::{Poll, Waker};

use embedded_io::{ErrorKind, ErrorType};
use embedded_io_async::{Read, Write};
use heapless::Vec;
use minipki_cortex_m::clock;
use minipki_cortex_m::network::Network;
use minipki_cortex_m::stream::{connected, receive, send};
use smoltcp::iface::SocketHandle;
use smoltcp::time::Instant;

/// The number of tasks that can wait: as many as the network has sockets. One more task would poll without sleep.
const TASKS: usize = 2;

/// The board's network, and the tasks that wait for it.
pub(crate) struct Net {
    network: &'static RefCell<Network>,
    waiting: RefCell<Vec<Waker, TASKS>>,
}

impl Net {
    pub(crate) const fn new(network: &'static RefCell<Network>) -> Self {
        Self { network, waiting: RefCell::new(Vec::new()) }
    }

    /// Moves frames in both directions, and wakes all waiting tasks. Each task checks its own socket.
    pub(crate) fn poll(&self) {
        self.network.borrow_mut().poll();
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until `ready` returns a result, or the deadline has passed.
    async fn wait<T>(
        &self,
        deadline: Instant,
        mut ready: impl FnMut(&mut Network) -> Option<Result<T, ErrorKind>>,
    ) -> Result<T, ErrorKind> {
        poll_fn(|context| {
            if let Some(result) = ready(&mut self.network.borrow_mut()) {
                return Poll::Ready(result);
            }
            if clock::now() >= deadline {
                return Poll::Ready(Err(ErrorKind::TimedOut));
            }
            let (mut waiting, waker) = (self.waiting.borrow_mut(), context.waker());
            if !waiting.iter().any(|other| other.will_wake(waker))
                && let Err(waker) = waiting.push(waker.clone())
            {
                waker.wake();
            }
            Poll::Pending
        })
        .await
    }
}

/// A TCP connection. A drop resets it.
pub(crate) struct TcpStream {
    net: &'static Net,
    socket: SocketHandle,
    deadline: Instant,
}

impl TcpStream {
    /// Connects, as soon as the board has an address. All operations of the stream end by `deadline`.
    pub(crate) async fn connect(
        net: &'static Net,
        to: SocketAddrV4,
        deadline: Instant,
    ) -> Result<Self, ErrorKind> {
        net.wait(deadline, |network| network.address().map(Ok)).await?;
        let socket = net.network.borrow_mut().connect(to)?;
        let stream = Self { net, socket, deadline };
        net.poll();
        net.wait(deadline, |network| connected(network.socket(socket))).await?;
        Ok(stream)
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.net.network.borrow_mut().release(self.socket);
    }
}

impl ErrorType for TcpStream {
    type Error = ErrorKind;
}

impl Read for TcpStream {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.net.wait(self.deadline, |network| receive(network.socket(self.socket), buffer)).await
    }
}

impl Write for TcpStream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.net.wait(self.deadline, |network| send(network.socket(self.socket), bytes)).await
    }

    /// Sends the bytes that the peer has room for. The rest follows at the next polls.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.net.poll();
        Ok(())
    }
}
