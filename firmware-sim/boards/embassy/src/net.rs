//! TCP for tasks, over the board's network: `embedded-io-async` on one of its sockets.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::net::SocketAddrV4;
use core::task::{Poll, Waker};

use embedded_io::{ErrorKind, ErrorType};
use embedded_io_async::{Read, Write};
use minipki_cortex_m::clock;
use minipki_cortex_m::network::Network;
use minipki_cortex_m::stream::{connected, receive, send};
use smoltcp::iface::SocketHandle;
use smoltcp::time::Instant;

/// The board's network, and the task that waits for it.
pub(crate) struct Net {
    network: &'static RefCell<Network>,
    waiting: Cell<Option<Waker>>,
}

impl Net {
    pub(crate) const fn new(network: &'static RefCell<Network>) -> Self {
        Self { network, waiting: Cell::new(None) }
    }

    /// Moves frames both ways, and wakes the task that waits: it looks for itself what has come.
    pub(crate) fn round(&self) {
        self.network.borrow_mut().poll();
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits until `ready` has something, or the deadline is past.
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
            // Of two tasks that wait, each wakes the other, and both look at each round.
            if let Some(other) = self.waiting.replace(Some(context.waker().clone()))
                && !other.will_wake(context.waker())
            {
                other.wake();
            }
            Poll::Pending
        })
        .await
    }
}

/// A TCP connection; dropped, it is reset.
pub(crate) struct TcpStream {
    net: &'static Net,
    socket: SocketHandle,
    deadline: Instant,
}

impl TcpStream {
    /// Connects, as soon as the board has an address. Everything on the stream ends by `deadline`.
    pub(crate) async fn connect(
        net: &'static Net,
        to: SocketAddrV4,
        deadline: Instant,
    ) -> Result<Self, ErrorKind> {
        net.wait(deadline, |network| network.address().map(Ok)).await?;
        let socket = net.network.borrow_mut().connect(to)?;
        let stream = Self { net, socket, deadline };
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

    /// The next round sends what the peer has room for.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}
