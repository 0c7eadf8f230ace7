//! The socket in the CA's folder where `minipki console link` gets a link from a running console.
//!
//! Only the owner of the folder can enter it, so the permissions of the folder protect the socket. The console also
//! checks the user at the other end.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use minipki_os::files::quoted;
use minipki_server::{CaKey, CaService};

/// The name of the socket in the folder.
const LINK_SOCKET: &str = "console.sock";

/// The time between two looks for the folder, while there is no CA in it.
const WAIT: Duration = Duration::from_millis(500);

/// The time between two tries to make the socket. Another console may have ended.
const AGAIN: Duration = Duration::from_secs(5);

/// The time limit for one link.
const DEADLINE: Duration = Duration::from_secs(2);

/// The maximum length of a link, in bytes.
const MAX_LINK: u64 = 4096;

/// The socket. Its file is removed when this is dropped.
struct LinkSocket {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl LinkSocket {
    /// Listens in `folder`, unless another console does. A socket that a killed console has left is replaced.
    async fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(LINK_SOCKET);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(found) if !found.file_type().is_socket() => return Err(ErrorKind::AlreadyExists.into()),
            // It does not wait, not even for a console that is stopped.
            Ok(_) => match UnixStream::connect(&path).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(&path)?,
                _ => return Err(ErrorKind::AddrInUse.into()),
            },
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let inode = fs::symlink_metadata(&path)?.ino();
        Ok(Self { listener, path, inode })
    }
}

impl Drop for LinkSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // A socket that stays is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Gives a link to each caller of the owner of the CA's folder. Waits for the folder first: the console can make the CA.
/// It never ends. Without the socket, the console prints links when it gets SIGUSR1.
pub(crate) async fn serve(service: &CaService, make: impl Fn() -> Option<String>) {
    while !matches!(service.key(), CaKey::Ready(_)) {
        sleep(WAIT).await;
    }
    let mut warned = false;
    let socket = loop {
        match LinkSocket::bind(service.dir()).await {
            Ok(socket) => break socket,
            Err(error) => {
                if !warned {
                    tracing::warn!(%error, "`minipki console link` gets no link from this console now: SIGUSR1 makes the console print one");
                }
                warned = true;
                sleep(AGAIN).await;
            }
        }
    };
    let owner = fs::metadata(service.dir()).map(|folder| folder.uid()).ok();
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => answer(stream, owner, &make).await,
            Err(_) => sleep(WAIT).await,
        }
    }
}

async fn answer(mut stream: UnixStream, owner: Option<u32>, make: impl Fn() -> Option<String>) {
    let caller = stream.peer_cred().map(|peer| peer.uid()).ok();
    // The superuser can do everything on this machine anyway.
    if caller.is_none() || (caller != owner && caller != Some(0)) {
        return;
    }
    if let Some(link) = make() {
        // The caller may have gone.
        let _ = timeout(DEADLINE, stream.write_all(format!("{link}\n").as_bytes())).await;
    }
}

/// The reason why there is no link.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LinkError {
    /// No console answers on the folder.
    #[error("no console answers on {}", quoted(.0))]
    #[diagnostic(help(
        "start one: minipki console --dir {} -- if one runs, send it SIGUSR1: then it prints a link", quoted(.0)
    ))]
    NoConsole(PathBuf),
    /// The console does not answer this user.
    #[error("the console on {} gave no link", quoted(.0))]
    #[diagnostic(help("run this command as the user that runs the console"))]
    NoLink(PathBuf),
    /// The socket cannot be used.
    #[error("{} cannot be used: {source}", quoted(path))]
    #[diagnostic(help(
        "run this command as the user that runs the console, or send the console SIGUSR1: then it prints a link"
    ))]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// A new link of the console that runs on the folder `dir`.
///
/// # Errors
/// [`LinkError`].
pub async fn request_link(dir: &Path) -> Result<String, LinkError> {
    let path = dir.join(LINK_SOCKET);
    let mut text = String::new();
    let asked = timeout(2 * DEADLINE, async {
        let stream = UnixStream::connect(&path).await?;
        stream.take(MAX_LINK).read_to_string(&mut text).await
    });
    match asked.await {
        Ok(Ok(_)) if text.trim().is_empty() => Err(LinkError::NoLink(dir.to_owned())),
        Ok(Ok(_)) => Ok(text.trim().to_owned()),
        // It would block while the console is stopped and its queue is full.
        Ok(Err(source)) => match source.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::WouldBlock => {
                Err(LinkError::NoConsole(dir.to_owned()))
            }
            _ => Err(LinkError::Socket { path, source }),
        },
        Err(_) => Err(LinkError::NoConsole(dir.to_owned())),
    }
}
