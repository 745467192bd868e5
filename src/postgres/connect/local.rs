//! A local socket that is watched for what arrives, and for room to write only while there is none.
//!
//! A local socket tells that there is room again whenever the other side has read. Watched for that too, as a runtime does it, it wakes its
//! owner twice a statement: when the server has read the request, which is of no interest, and when it has answered.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// A connected local socket.
#[derive(Debug)]
pub(super) struct LocalSocket {
    socket: AsyncFd<UnixStream>,
    /// The same socket, watched for room to write, from when there is none until there is.
    full: Option<AsyncFd<UnixStream>>,
}

impl LocalSocket {
    /// Connects to the socket in this file.
    pub(super) async fn connect(file: &Path) -> io::Result<LocalSocket> {
        let stream = tokio::net::UnixStream::connect(file).await?.into_std()?;
        Ok(LocalSocket {
            socket: watched(stream, Interest::READABLE)?,
            full: None,
        })
    }

    /// Ready when there is room to write again.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let full = match self.full.take() {
            Some(full) => full,
            None => {
                let same = self.socket.get_ref().try_clone()?;
                watched(same, Interest::WRITABLE)?
            }
        };
        match full.poll_write_ready(context) {
            Poll::Ready(room) => Poll::Ready(room.map(|_| ())),
            Poll::Pending => {
                self.full = Some(full);
                Poll::Pending
            }
        }
    }
}

fn watched(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: a stream keeps its descriptor for as long as it lives, and here that is as long as it is watched.
    let watched = unsafe { AsyncFd::register_with_interest(stream, interest) };
    watched.map_err(io::Error::from)
}

impl AsyncRead for LocalSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut readable = ready!(self.socket.poll_read_ready(context))?;
            // SAFETY: nothing that is initialized is made anything else; `read` only writes.
            let unfilled = unsafe { buffer.unfilled_mut() };
            let room = unfilled.len();
            let received = readable.try_io(|socket| {
                let (received, _) = rustix::io::read(socket.get_ref(), &mut *unfilled)?;
                Ok(received.len())
            });
            let Ok(received) = received else {
                continue;
            };
            let received = received?;
            // Less than there was room for: all there was. What comes next is told anew.
            if 0 < received && received < room {
                readable.clear_ready();
            }
            // SAFETY: the kernel wrote so many bytes there. A buffer made zero for it first would be written twice.
            unsafe { buffer.assume_init(received) };
            buffer.advance(received);
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for LocalSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.socket.get_ref().write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_room(context))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => {
                    self.full = None;
                    return Poll::Ready(written);
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_larger_than_the_sockets_buffer_goes_there_and_back() {
        let directory = tempfile::tempdir().expect("has room");
        let file = directory.path().join("socket");
        let listener = UnixListener::bind(&file).expect("listens");
        let echo = thread::spawn(move || {
            let (mut other, _) = listener.accept().expect("is reached");
            let mut all = Vec::new();
            other.read_to_end(&mut all).expect("reads");
            other.write_all(&all).expect("writes");
        });
        let mut socket = LocalSocket::connect(&file).await.expect("connects");
        let sent: Vec<u8> = (0..8 << 20).map(|byte: u32| byte as u8).collect();
        socket.write_all(&sent).await.expect("is sent");
        assert!(socket.full.is_none(), "it is watched no longer");
        socket.shutdown().await.expect("no more to send");
        let mut back = Vec::new();
        socket.read_to_end(&mut back).await.expect("comes back");
        assert!(back == sent);
        echo.join().expect("echoes");
    }

    #[tokio::test]
    async fn the_end_of_the_other_side_is_told() {
        let directory = tempfile::tempdir().expect("has room");
        let file = directory.path().join("socket");
        let listener = UnixListener::bind(&file).expect("listens");
        let mut socket = LocalSocket::connect(&file).await.expect("connects");
        let (mut other, _) = listener.accept().expect("is reached");
        other.write_all(b"goodbye").expect("writes");
        drop((other, listener));
        let mut read = Vec::new();
        socket.read_to_end(&mut read).await.expect("reads");
        assert_eq!(read, b"goodbye");
        let refused = socket.write_all(b"hello").await;
        assert_eq!(
            refused.map_err(|error| error.kind()),
            Err(io::ErrorKind::BrokenPipe)
        );
        assert!(LocalSocket::connect(&file).await.is_err());
    }
}
