//! A small HTTP server on a local port that answers as it is told and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request; names of headers in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// How often this path was asked for before.
    pub(crate) earlier: usize,
}

/// An answer.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    cut_after: Option<usize>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut_after: None }
    }
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(200) }
    }
    pub(crate) fn redirect(to: impl Into<String>) -> Self {
        Self::new(302).with("location", to)
    }
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut_after = Some(bytes);
        self
    }

    /// A file, or the range of it that is asked for under the right tag.
    pub(crate) fn file(request: &Request, body: &[u8], etag: &str) -> Self {
        let tag_fits = request.headers.get("if-range").is_none_or(|asked| asked == etag);
        let range = request.headers.get("range").filter(|_| tag_fits);
        let first: Option<usize> = range.map(|range| range["bytes=".len()..].trim_end_matches('-').parse().unwrap());
        let reply = match first {
            None => Self::ok(body),
            Some(first) if first >= body.len() => Self::new(416),
            Some(first) => {
                let range = format!("bytes {first}-{}/{}", body.len() - 1, body.len());
                Self { status: 206, ..Self::ok(&body[first..]) }.with("content-range", range)
            }
        };
        reply.with("etag", etag)
    }
}

/// The server; ends when dropped.
pub(crate) struct FakeServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeServer {
    /// Starts a server that answers by `answer`.
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ends = Arc::new(AtomicBool::new(false));
        let (log, end) = (Arc::clone(&asked), Arc::clone(&ends));
        let serve = move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away in the middle is its own affair.
                let _ = serve(&stream.unwrap(), &log, &answer);
            }
        };
        Self { address, asked, ends, thread: Some(std::thread::spawn(serve)) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let served = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            served.unwrap();
        }
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<Request>>, answer: &impl Fn(&Request) -> Reply) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next() else { return Ok(()) };
    let path = first?.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let earlier = log.lock().unwrap().iter().filter(|request| request.path == path).count();
    let request = Request { path, headers, earlier };
    log.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status)?;
    if !reply.headers.iter().any(|(name, _)| name == "content-length") {
        write!(stream, "content-length: {}\r\n", reply.body.len())?;
    }
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(&reply.body[..reply.cut_after.unwrap_or(reply.body.len())])?;
    stream.shutdown(Shutdown::Both)
}
