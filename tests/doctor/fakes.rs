//! Servers that are made up, where the fault cannot be planted in a real one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A port that nobody listens at.
pub(crate) fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// A coordinator that answers these paths with these statuses, and 404 to all others.
pub(crate) async fn coordinator(answers: Vec<(&'static str, u16)>) -> String {
    let (listener, address) = listen().await;
    let app = Router::new().fallback(move |uri: Uri| {
        let found = answers.iter().find(|(path, _)| *path == uri.path()).map_or(404, |(_, status)| *status);
        std::future::ready(StatusCode::from_u16(found).expect("a status"))
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// A RabbitMQ 3.8 that says hello and nothing more.
pub(crate) async fn old_rabbit() -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut greeting = [0; 8];
                stream.read_exact(&mut greeting).await.expect("a greeting");
                stream.write_all(&hello()).await.expect("an answer");
                // Silence, until the other side has enough of it.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    format!("amqp://guest:guest@{address}")
}

fn hello() -> Vec<u8> {
    let mut table = Vec::new();
    for (name, value) in [("product", "RabbitMQ"), ("version", "3.8.9")] {
        table.push(name.len() as u8);
        table.extend(name.as_bytes());
        table.push(b'S');
        table.extend((value.len() as u32).to_be_bytes());
        table.extend(value.as_bytes());
    }
    let mut body = vec![0, 10, 0, 10, 0, 9];
    body.extend((table.len() as u32).to_be_bytes());
    body.extend(table);
    for text in ["PLAIN", "en_US"] {
        body.extend((text.len() as u32).to_be_bytes());
        body.extend(text.as_bytes());
    }
    let mut frame = vec![1, 0, 0];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    frame.push(0xce);
    frame
}

/// What is odd about a Redis server that is made up.
#[derive(Clone, Copy)]
pub(crate) struct FakeRedis {
    pub(crate) version: &'static str,
    pub(crate) cluster: bool,
    /// Seconds that its clock is behind.
    pub(crate) behind: u64,
}

impl Default for FakeRedis {
    fn default() -> Self {
        Self { version: "7.0.15", cluster: false, behind: 0 }
    }
}

/// A Redis server that answers what the doctor asks.
pub(crate) async fn redis(fake: FakeRedis) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(fake.serve(stream));
        }
    });
    format!("redis://{address}")
}

impl FakeRedis {
    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(words) = command(&mut stream).await {
            let answer = self.answer(&words);
            if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(self, words: &[String]) -> String {
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        let keyed = ["EVAL", "GET", "DEL"].contains(&words[0].as_str());
        if self.cluster && keyed {
            return "-MOVED 3999 127.0.0.1:6381\r\n".to_owned();
        }
        match words[0].as_str() {
            "INFO" => bulk(&format!(
                "redis_version:{}\r\ncluster_enabled:{}\r\nrole:master\r\nmaxmemory_policy:noeviction\r\nmaxmemory:0\r\n\
                 used_memory:1\r\ntotal_system_memory:100\r\naof_enabled:1\r\n",
                self.version,
                u8::from(self.cluster)
            )),
            "TIME" => {
                let now =
                    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970").as_secs() - self.behind;
                format!("*2\r\n{}{}", bulk(&now.to_string()), bulk("0"))
            }
            "EVAL" => bulk("1"),
            "DEL" => ":3\r\n".to_owned(),
            "GET" => "$-1\r\n".to_owned(),
            "CONFIG" => "*0\r\n".to_owned(),
            "PING" => "+PONG\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        }
    }
}

/// The next command, an array of texts; `None` at the end.
async fn command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let count: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let size: usize = line.trim().strip_prefix('$')?.parse().ok()?;
        let mut word = vec![0; size + 2];
        stream.read_exact(&mut word).await.ok()?;
        word.truncate(size);
        words.push(String::from_utf8(word).ok()?);
    }
    Some(words)
}

/// What is odd about an S3 server that is made up.
#[derive(Clone, Copy, Default)]
pub(crate) struct FakeS3 {
    /// What the keys may not do: PUT, GET, LIST or DELETE.
    pub(crate) denied: &'static str,
    /// Whether it overwrites in spite of If-None-Match.
    pub(crate) overwrites: bool,
    /// Whether it does not know If-None-Match.
    pub(crate) unknown: bool,
    /// The error code that all requests get.
    pub(crate) code: &'static str,
    /// Seconds that its clock is behind.
    pub(crate) behind: u64,
}

type Objects = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// An S3 server that does what the doctor asks. Signatures are not looked at.
pub(crate) async fn s3(fake: FakeS3) -> String {
    let (listener, address) = listen().await;
    let app = Router::new().fallback(answer).with_state((fake, Objects::default()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn answer(State((fake, objects)): State<(FakeS3, Objects)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("the client sends all of it");
    let Parts { method, uri, headers, .. } = parts;
    let error = |status: u16, code: &str| {
        let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
        (StatusCode::from_u16(status).expect("a status"), text).into_response()
    };
    if !fake.code.is_empty() {
        return error(if fake.code == "NoSuchBucket" { 404 } else { 403 }, fake.code);
    }
    let list = uri.query().is_some_and(|query| query.contains("list-type=2"));
    let act = match method.as_str() {
        "GET" if list => "LIST",
        "HEAD" => "GET",
        // The client deletes with a request for many.
        "POST" => "DELETE",
        other => other,
    };
    if act == fake.denied {
        return error(403, "AccessDenied");
    }
    let name = uri.path().strip_prefix("/bucket/").unwrap_or_default().to_owned();
    let mut objects = objects.lock().expect("nothing panics while it holds them");
    match act {
        "PUT" => {
            let conditional = headers.contains_key("if-none-match");
            if conditional && fake.unknown {
                return error(501, "NotImplemented");
            }
            if conditional && !fake.overwrites && objects.contains_key(&name) {
                return error(412, "PreconditionFailed");
            }
            objects.insert(name, body);
            (StatusCode::OK, [("etag", "\"1\"")]).into_response()
        }
        "GET" => match objects.get(&name) {
            None => error(404, "NoSuchKey"),
            Some(bytes) => {
                ([("etag", "\"1\"".to_owned()), ("last-modified", fake.date())], bytes.clone()).into_response()
            }
        },
        "DELETE" if method == Method::POST => {
            let text = String::from_utf8_lossy(&body).into_owned();
            let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            let deleted: String = keys
                .inspect(|key| drop(objects.remove(*key)))
                .map(|key| format!("<Deleted><Key>{key}</Key></Deleted>"))
                .collect();
            format!("<?xml version=\"1.0\"?><DeleteResult>{deleted}</DeleteResult>").into_response()
        }
        "DELETE" => {
            objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => fake.listing(&objects).into_response(),
    }
}

impl FakeS3 {
    fn date(self) -> String {
        httpdate(SystemTime::now() - Duration::from_secs(self.behind))
    }

    fn listing(self, objects: &BTreeMap<String, Bytes>) -> String {
        let entry = |(name, bytes): (&String, &Bytes)| {
            let size = bytes.len();
            format!(
                "<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"1\"</ETag><Size>{size}</Size></Contents>"
            )
        };
        let entries: String = objects.iter().map(entry).collect();
        format!("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>")
    }
}

/// The form of dates in HTTP.
fn httpdate(time: SystemTime) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("@{}", time.duration_since(UNIX_EPOCH).expect("it is past 1970").as_secs())])
        .arg("+%a, %d %b %Y %H:%M:%S GMT")
        .env("LC_ALL", "C")
        .output()
        .expect("date is installed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
