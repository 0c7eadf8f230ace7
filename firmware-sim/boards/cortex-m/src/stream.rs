//! A TCP connection as the application sees it: reads and writes that end by a deadline.

use core::cell::RefCell;
use core::time::Duration;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use minipki_device_app::Stream;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, Socket, State};
use smoltcp::time::Instant;

use crate::clock;
use crate::network::{Network, wait};

/// How long a peer has to acknowledge the end.
const LINGER: Duration = Duration::from_millis(200);

/// One of the network's sockets; dropped, it resets the connection.
pub struct TcpStream {
    network: &'static RefCell<Network>,
    socket: SocketHandle,
    deadline: Instant,
}

/// The moment `within` from now.
pub(crate) fn deadline(within: Duration) -> Instant {
    clock::now() + within.into()
}

/// Whether a socket has connected, or `None` if that is to be waited for.
pub fn connected(socket: &Socket<'_>) -> Option<Result<(), ErrorKind>> {
    match socket.state() {
        State::SynSent | State::SynReceived => None,
        State::Closed => Some(Err(ErrorKind::ConnectionRefused)),
        _ => Some(Ok(())),
    }
}

/// Takes what a socket has received, or `None` if it is to be waited for.
pub fn receive(socket: &mut Socket<'_>, buffer: &mut [u8]) -> Option<Result<usize, ErrorKind>> {
    match socket.recv_slice(buffer) {
        Ok(0) if !buffer.is_empty() => None,
        Ok(n) => Some(Ok(n)),
        Err(RecvError::Finished) => Some(Ok(0)),
        Err(RecvError::InvalidState) => Some(Err(ErrorKind::ConnectionReset)),
    }
}

/// Gives a socket bytes to send, or `None` if room for them is to be waited for.
pub fn send(socket: &mut Socket<'_>, bytes: &[u8]) -> Option<Result<usize, ErrorKind>> {
    match socket.send_slice(bytes) {
        Ok(0) if !bytes.is_empty() => None,
        Ok(n) => Some(Ok(n)),
        Err(_) => Some(Err(ErrorKind::ConnectionReset)),
    }
}

impl TcpStream {
    pub(crate) const fn new(
        network: &'static RefCell<Network>,
        socket: SocketHandle,
        deadline: Instant,
    ) -> Self {
        Self { network, socket, deadline }
    }

    /// Waits until the connection can do something, or has failed.
    pub(crate) fn wait<T>(
        &mut self,
        mut ready: impl FnMut(&mut Socket<'static>) -> Option<Result<T, ErrorKind>>,
    ) -> Result<T, ErrorKind> {
        wait(self.network, self.deadline, |network| ready(network.socket(self.socket)))?
    }
}

impl ErrorType for TcpStream {
    type Error = ErrorKind;
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.wait(|socket| receive(socket, buffer))
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.wait(|socket| send(socket, bytes))
    }

    /// Hands over what the peer has room for; the rest follows while we wait for its answer.
    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.wait(|socket| Some(if socket.may_send() { Ok(()) } else { Err(ErrorKind::ConnectionReset) }))?;
        self.network.borrow_mut().poll();
        Ok(())
    }
}

impl Stream for TcpStream {
    fn set_deadline(&mut self, within: Duration) {
        self.deadline = deadline(within);
    }

    fn close(mut self) {
        // What is still to be sent may take until the deadline; the farewell only a moment.
        let _ = self.wait(|socket| (socket.send_queue() == 0 || !socket.may_send()).then_some(Ok(())));
        self.network.borrow_mut().socket(self.socket).close();
        self.deadline = deadline(LINGER);
        let _ = self.wait(|socket| {
            // A peer that is still talking is heard out, or its reset would take our last words with it.
            let _ = socket.recv(|bytes| (bytes.len(), ()));
            matches!(socket.state(), State::Closed | State::TimeWait).then_some(Ok(()))
        });
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.network.borrow_mut().release(self.socket);
    }
}
