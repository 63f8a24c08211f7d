//! A small HTTP server that plays a device.

use hyper::Uri;
use parking_lot::Mutex;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

/// The requests that a device got: head and body.
pub(in crate::source) type Requests = Arc<Mutex<Vec<String>>>;

/// Plays a device: `answer` gets each request and returns status and body. Answers come without a
/// length, as small devices send them. Status 0 breaks the connection.
pub(in crate::source) fn serve(mut answer: impl FnMut(&str) -> (u16, String) + Send + 'static) -> (Uri, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = Vec::new();
            while !is_whole(&request) {
                let mut part = [0; 2048];
                match stream.read(&mut part) {
                    Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let (status, body) = answer(&request);
            seen.lock().push(request);
            if status == 0 {
                continue; // the connection breaks
            }
            stream.write_all(format!("HTTP/1.0 {status} Answer\r\n\r\n{body}").as_bytes()).ok();
        }
    });
    (uri, requests)
}

/// Whether a request has its head and its body.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

/// The request line of each request.
pub(in crate::source) fn lines(requests: &Requests) -> Vec<String> {
    let line = |request: &String| request.lines().next().unwrap_or_default().to_owned();
    requests.lock().iter().map(line).collect()
}
