//! A server that speaks S3, in this process: `s3s` for the protocol, `s3s-fs` for a folder behind it, on a free port.
//!
//! It is a real server to its clients: signatures are checked, answers are XML, a listing has pages. And it can be in
//! [`Trouble`]: overloaded, slow, silent, cut off, or gone altogether.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{TryStreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use object_store::ObjectStore;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::store::Store;

const BUCKET: &str = "bucket";
const ACCESS_KEY: &str = "access";
const SECRET_KEY: &str = "secret";

/// What is wrong with the server, for some requests.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// How it shows.
    pub kind: Kind,
    /// Requests of this method only.
    pub method: Option<Method>,
    /// Requests of names that hold this only.
    pub name: String,
    /// How many of those; then it passes.
    pub times: u64,
}

/// How trouble shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Status 503, `SlowDown`; nothing is done.
    Overloaded,
    /// Status 507, as MinIO says that its disks are full; nothing is done.
    Full,
    /// Status 409, as S3 says it while another put to the name is under way; nothing is done.
    Conflict,
    /// It is done, and the connection closes without an answer.
    AnswerLost,
    /// It is done, and the answer's body breaks off in the middle.
    CutOff,
    /// The answer comes that much later.
    Slow(Duration),
    /// There is no answer, and the connection stays open.
    Silent,
}

impl Trouble {
    /// Trouble with all requests, so often.
    pub fn new(kind: Kind, times: u64) -> Self {
        Self { kind, method: None, name: String::new(), times }
    }

    fn hits(&self, request: &Request<Incoming>) -> bool {
        let fits = self.method.as_ref().is_none_or(|method| method == request.method());
        self.times > 0 && fits && request.uri().to_string().contains(&self.name)
    }
}

/// An object that was put, and when that was done, whether or not anybody heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The name in the bucket, as it stands in the address.
    pub name: String,
    /// From then on every look finds it.
    pub at: SystemTime,
}

/// The server. It and its content are gone when dropped.
#[derive(Debug)]
pub struct S3Server {
    folder: TempDir,
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    troubles: Mutex<Vec<Trouble>>,
    /// The last requests, as `GET /bucket/prefix/…`.
    requests: Mutex<VecDeque<String>>,
    /// All that was put, in that order.
    puts: Mutex<Vec<Put>>,
    /// The folder behind it looks, then writes: one at a time, or two could both be first.
    conditional: tokio::sync::Mutex<()>,
}

/// Requests remembered.
const REMEMBERED: usize = 100_000;

impl S3Server {
    /// Starts a server with one empty bucket.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for the bucket");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("there is room for the bucket");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = free.local_addr().expect("it has an address");
        let mut server = Self { folder, address, shared: Arc::default(), running: None };
        server.running = Some(server.run(free));
        server
    }

    /// Goes away: connections break, new ones are refused. The content stays.
    pub fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            let _ = stop.send(());
            thread.join().expect("the server does not panic");
        }
    }

    /// Comes back at the same address with the same content.
    pub fn start_again(&mut self) {
        if self.running.is_none() {
            self.running = Some(self.run(TcpListener::bind(self.address).expect("its port is still free")));
        }
    }

    fn run(&self, listener: TcpListener) -> Running {
        listener.set_nonblocking(true).expect("a listener can be so");
        let service = service(self.folder.path());
        let (shared, (stop, stopped)) = (Arc::clone(&self.shared), oneshot::channel());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("there are threads");
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, service, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_secs(5));
        });
        Running { stop, thread }
    }

    /// The URL of a store in the bucket.
    pub fn place(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// The URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What [`Store::open_with`] needs, or a process in its environment.
    pub fn settings(&self) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            own("AWS_ENDPOINT_URL", &self.endpoint()),
            own("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            own("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            own("AWS_REGION", "us-east-1"),
        ]
    }

    /// Opens a store in the bucket.
    pub async fn open(&self, prefix: &str) -> Store {
        Store::open_with(&self.place(prefix), &self.settings()).await.expect("the server answers")
    }

    /// The object store that such a store is on, for decorators.
    pub fn objects(&self, prefix: &str) -> Arc<dyn ObjectStore> {
        crate::store::remote_objects(&self.place(prefix), &self.settings()).expect("its settings are right")
    }

    /// The folder behind the bucket: what is changed there is changed behind the server's back.
    pub fn bucket(&self) -> std::path::PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Gets into trouble. Of several that hit a request the first counts.
    pub fn trouble(&self, troubles: Vec<Trouble>) {
        *lock(&self.shared.troubles) = troubles;
    }

    /// The requests since this was last asked, as `GET /bucket/prefix/…`.
    pub fn take_requests(&self) -> Vec<String> {
        lock(&self.shared.requests).drain(..).collect()
    }

    /// What was put since this was last asked, in that order. A put-if-absent that came second is not among it.
    pub fn take_puts(&self) -> Vec<Put> {
        std::mem::take(&mut lock(&self.shared.puts))
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn service(folder: &Path) -> S3Service {
    let files = FileSystem::new(folder).expect("the folder is there");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    builder.build()
}

async fn serve(listener: TcpListener, service: S3Service, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime takes it");
    loop {
        let Ok((connection, _)) = listener.accept().await else { continue };
        let (service, shared) = (service.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let (service, shared) = (service.clone(), Arc::clone(&shared));
                async move { shared.answer(&service, request).await }
            });
            // A connection that breaks is the client's to complain about.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), answer).await;
        });
    }
}

/// No answer: hyper closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost on purpose")]
struct Lost;

impl Shared {
    async fn answer(&self, service: &S3Service, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
        {
            let mut requests = lock(&self.requests);
            requests.push_back(format!("{} {}", request.method(), request.uri()));
            if requests.len() > REMEMBERED {
                requests.pop_front();
            }
        }
        let trouble = {
            let mut troubles = lock(&self.troubles);
            troubles.iter_mut().find(|trouble| trouble.hits(&request)).map(|trouble| {
                trouble.times -= 1;
                trouble.kind.clone()
            })
        };
        match trouble {
            None => self.carry_out(service, request).await,
            Some(Kind::Overloaded) => Ok(refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")),
            Some(Kind::Full) => Ok(refusal(StatusCode::INSUFFICIENT_STORAGE, "XMinioStorageFull")),
            Some(Kind::Conflict) => Ok(refusal(StatusCode::CONFLICT, "ConditionalRequestConflict")),
            Some(Kind::Silent) => std::future::pending().await,
            Some(Kind::Slow(pause)) => {
                tokio::time::sleep(pause).await;
                self.carry_out(service, request).await
            }
            Some(Kind::AnswerLost) => {
                self.carry_out(service, request).await?;
                Err(Lost)
            }
            Some(Kind::CutOff) => Ok(cut_off(self.carry_out(service, request).await?).await),
        }
    }

    async fn carry_out(&self, service: &S3Service, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
        let conditional = request.headers().contains_key(hyper::header::IF_NONE_MATCH);
        let _one = if conditional { Some(self.conditional.lock().await) } else { None };
        let name = (request.method() == Method::PUT).then(|| request.uri().path().to_owned());
        let answer: Result<Response<Body>, HttpError> = service.call(request.map(Body::from)).await;
        let answer = answer.map_err(|_| Lost)?;
        if let Some(name) = name.filter(|_| answer.status().is_success()) {
            let name = name.strip_prefix(&format!("/{BUCKET}/")).unwrap_or(&name).to_owned();
            lock(&self.puts).push(Put { name, at: SystemTime::now() });
        }
        Ok(answer)
    }
}

fn refusal(status: StatusCode, code: &str) -> Response<Body> {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>");
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}

/// The first half of the body, announced as the whole.
async fn cut_off(answer: Response<Body>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let whole: Vec<Bytes> = body.try_collect().await.unwrap_or_default();
    let whole = whole.concat();
    parts.headers.insert(hyper::header::CONTENT_LENGTH, whole.len().into());
    let half = Bytes::copy_from_slice(&whole[..whole.len() / 2]);
    let frames = [Ok::<_, Lost>(Frame::data(half)), Err(Lost)];
    Response::from_parts(parts, Body::http_body_unsync(StreamBody::new(stream::iter(frames))))
}
