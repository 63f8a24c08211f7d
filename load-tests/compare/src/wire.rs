//! One keep-alive connection: writes a request, reads its answer.

use bytes::{Buf as _, BytesMut};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HEADERS_MAX: usize = 32;

/// A connection, and the request that is being made.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    head: String,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    answer: BytesMut,
}

impl Wire {
    /// A connection that is not open yet; `head` is the request's head without the length.
    pub(crate) fn new(address: SocketAddr, head: String) -> Self {
        Self { address, head, stream: None, out: Vec::new(), answer: BytesMut::with_capacity(1 << 10) }
    }

    /// Opens the connection, if it is closed.
    pub(crate) async fn open(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.answer.clear();
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Begins a request with a body of this length; the body is to be appended.
    pub(crate) fn begin(&mut self, body_length: usize) -> io::Result<&mut Vec<u8>> {
        self.out.clear();
        write!(self.out, "{}Content-Length: {body_length}\r\n\r\n", self.head)?;
        Ok(&mut self.out)
    }

    /// Sends the request and returns the status of its answer. After an error the connection is closed.
    pub(crate) async fn exchange(&mut self) -> io::Result<u16> {
        let status = self.send_and_read().await;
        if status.is_err() {
            self.stream = None;
        }
        status
    }

    async fn send_and_read(&mut self) -> io::Result<u16> {
        self.open().await?;
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        stream.write_all(&self.out).await?;
        loop {
            if let Some((status, length)) = head_of(&self.answer)? {
                while self.answer.len() < length {
                    read(stream, &mut self.answer).await?;
                }
                self.answer.advance(length);
                return Ok(status);
            }
            read(stream, &mut self.answer).await?;
        }
    }
}

async fn read(stream: &mut TcpStream, answer: &mut BytesMut) -> io::Result<()> {
    match stream.read_buf(answer).await? {
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
        _ => Ok(()),
    }
}

/// Status of an answer and length of head and body; `None` until the head is whole.
fn head_of(bytes: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let head = match answer.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    match (answer.code, body) {
        (Some(status), Some(body)) => Ok(Some((status, head + body))),
        _ => Err(io::Error::other("the answer has no Content-Length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\ncontent-length: 5\r\n\r\nbusy\nHTTP";
        assert_eq!(head_of(whole).unwrap(), Some((503, whole.len() - 4)));
        assert_eq!(head_of(&whole[..40]).unwrap(), None);
        assert!(head_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(head_of(b"SSH-2.0\r\n").is_err());
    }
}
