//! One connection to the broker that is kept up: made at once, and again, for ever, whenever it ends.
//!
//! Recovery is ours and not lapin's: it would declare and consume again what we did before, and what is right depends on
//! who waits at the time. A channel that was on a connection ends with it; whoever needs one asks the link again.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties, Event};
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::trouble::{Trouble, within};
use crate::address::Address;

/// A connection that is silent for twice as long is dead.
const HEARTBEAT_SECONDS: u16 = 10;
/// A connection that held for so long was a good one: the next try comes soon.
const GOOD: Duration = Duration::from_secs(10);

/// A connection, or why there is none.
#[derive(Clone)]
enum State {
    Starting,
    Up(Arc<Connection>),
    Down(Trouble),
}

/// A connection that is kept up as long as this lives.
pub(super) struct Link {
    state: watch::Receiver<State>,
    keeper: JoinHandle<()>,
}

impl Link {
    /// Starts to connect. `name` is what an operator sees in the broker's list of connections; `handshake` is the longest
    /// that it may take from the first packet to an open connection.
    pub(super) fn start(address: &Address, name: String, handshake: Duration) -> Result<Self, Trouble> {
        let uri = uri(address)?;
        let (state, receiver) = watch::channel(State::Starting);
        let keeper = Keeper { uri, shown: address.to_string(), name, handshake, state };
        Ok(Self { state: receiver, keeper: tokio::spawn(keeper.keep()) })
    }

    /// Waits for the first try to connect.
    pub(super) async fn first(&self) -> Result<(), Trouble> {
        let mut state = self.state.clone();
        match &*state.wait_for(|state| !matches!(state, State::Starting)).await.map_err(ended)? {
            State::Starting | State::Up(_) => Ok(()),
            State::Down(trouble) => Err(trouble.clone()),
        }
    }

    /// The connection; waits for it, but for no longer than `patience`.
    pub(super) async fn within(&self, patience: Duration) -> Result<Arc<Connection>, Trouble> {
        match tokio::time::timeout(patience, self.up()).await {
            Ok(connection) => connection,
            Err(_) => Err(match &*self.state.borrow() {
                State::Down(trouble) => trouble.clone(),
                State::Starting | State::Up(_) => Trouble::unavailable("not connected yet"),
            }),
        }
    }

    /// Waits for the connection as long as it takes.
    pub(super) async fn up(&self) -> Result<Arc<Connection>, Trouble> {
        let mut state = self.state.clone();
        match &*state.wait_for(|state| matches!(state, State::Up(_))).await.map_err(ended)? {
            State::Up(connection) => Ok(Arc::clone(connection)),
            State::Starting | State::Down(_) => unreachable!("it was waited for"),
        }
    }
}

fn ended(_: watch::error::RecvError) -> Trouble {
    Trouble::unavailable("the program is ending")
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The task behind a link.
struct Keeper {
    uri: AMQPUri,
    /// The address without secrets.
    shown: String,
    name: String,
    handshake: Duration,
    state: watch::Sender<State>,
}

impl Keeper {
    async fn keep(self) {
        let mut backoff = Backoff::new();
        loop {
            let trouble = match self.connect().await {
                Ok(connection) => {
                    let since = Instant::now();
                    tracing::debug!(broker = self.shown, "connected to the queue");
                    let connection = Arc::new(connection);
                    self.state.send_replace(State::Up(Arc::clone(&connection)));
                    let trouble = end(&connection).await;
                    if since.elapsed() >= GOOD {
                        backoff = Backoff::new();
                    }
                    trouble
                }
                Err(trouble) => trouble,
            };
            let wait = backoff.next();
            tracing::warn!(broker = self.shown, ?wait, "no connection to the queue: {}", trouble.message);
            self.state.send_replace(State::Down(trouble));
            tokio::time::sleep(wait).await;
        }
    }

    async fn connect(&self) -> Result<Connection, Trouble> {
        let properties = ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let runtime = lapin::runtime::default_runtime().map_err(|error| Trouble::of("find the runtime", error))?;
        let handshake = Handshake::default();
        let socket = Arc::clone(&handshake.0);
        let connect = Connection::connector(
            self.uri.clone(),
            runtime,
            async move |uri, runtime| {
                let AMQPUri { scheme, authority, .. } = uri;
                let found: Vec<_> = lookup_host((authority.host.as_str(), authority.port)).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, found).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    keep(&socket, plain.get_ref().as_fd().try_clone_to_owned()?.into());
                }
                Ok(match scheme {
                    AMQPScheme::AMQP => stream,
                    AMQPScheme::AMQPS => stream.into_tls(&authority.host, OwnedTLSConfig::default().as_ref()).await?,
                })
            },
            properties,
        );
        match within(self.handshake, &format!("connect to {}", self.shown), connect).await {
            Ok(connection) => {
                handshake.finish();
                Ok(connection)
            }
            Err(trouble) => Err(self.refusal(&trouble).unwrap_or(trouble)),
        }
    }

    /// What to do where the broker does not let us in.
    fn refusal(&self, trouble: &Trouble) -> Option<Trouble> {
        let Self { shown, uri, .. } = self;
        if let Some(std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput) = trouble.io() {
            let advice = "check that it speaks TLS there, and its certificate";
            return Some(trouble.clone().refuse(format!("{shown} is not trusted: {advice} ({})", trouble.message)));
        }
        let (code, text) = trouble.reply()?;
        let advice = match code {
            403 => "check user and password in the URL (guest may come from the broker's own machine only)".to_owned(),
            // Too many connections are told with the same code; that passes.
            530 if !text.contains("connection limit") => format!(
                "check the virtual host \"{}\" in the URL (the default one is written /%2f), create it (rabbitmqctl \
                 add_vhost) and permit the user to use it (rabbitmqctl set_permissions)",
                uri.vhost
            ),
            _ => return None,
        };
        Some(trouble.clone().refuse(format!("{shown} does not let us in: {advice} ({text})")))
    }
}

/// Waits until a connection has ended.
async fn end(connection: &Connection) -> Trouble {
    let mut events = std::pin::pin!(connection.events_listener());
    // What ends without an event is noticed too.
    let mut look = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Error(error)) if !connection.status().connected() => return Trouble::of("stay connected", error),
                Some(Event::ConnectionBlocked(why)) => tracing::warn!("the queue takes nothing for now: {why}"),
                Some(_) => {}
                None => return Trouble::unavailable("the connection ended"),
            },
            _ = look.tick() => if !connection.status().connected() {
                return Trouble::unavailable("the connection ended");
            },
        }
    }
}

/// What becomes of the socket of a connection that is being made.
#[derive(Default)]
enum Socket {
    #[default]
    NotYet,
    /// A second handle of it.
    Made(TcpStream),
    /// Nobody waits for the connection, or it is open.
    LetGo,
}

/// The making of a connection. lapin reads the socket in a thread that would wait for ever for a broker that took the
/// connection and says nothing: when this is dropped before the connection is open, the socket is shut down, and the
/// thread ends.
#[derive(Default)]
struct Handshake(Arc<Mutex<Socket>>);

impl Handshake {
    fn finish(self) {
        *lock(&self.0) = Socket::LetGo;
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if let Socket::Made(socket) = std::mem::replace(&mut *lock(&self.0), Socket::LetGo) {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn keep(place: &Mutex<Socket>, socket: TcpStream) {
    match &mut *lock(place) {
        Socket::LetGo => drop(socket.shutdown(Shutdown::Both)),
        place => *place = Socket::Made(socket),
    }
}

fn lock(place: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    place.lock().expect("nothing panics while it holds the socket")
}

/// The URL as lapin wants it. Its parser takes an IPv6 address for no host at all, and heartbeats off for an answer.
fn uri(address: &Address) -> Result<AMQPUri, Trouble> {
    let url = address.with_secrets();
    let mut uri: AMQPUri = url.as_str().parse().map_err(|error: String| {
        let advice = "write amqp://user:password@host:5672/%2f";
        Trouble::refused(format!("{address} is not an AMQP address ({error}): {advice}"))
    })?;
    match url.host() {
        Some(url::Host::Ipv6(ip)) => uri.authority.host = ip.to_string(),
        Some(_) => {}
        None => return Err(Trouble::refused(format!("{address} names no host"))),
    }
    uri.query.heartbeat = uri.query.heartbeat.filter(|seconds| *seconds > 0).or(Some(HEARTBEAT_SECONDS));
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| uri(&text.parse().unwrap());
        let local = read("amqp://u:p%40@[::1]:5673/a%2fb?heartbeat=0").unwrap();
        assert_eq!((local.authority.host.as_str(), local.authority.port, local.vhost.as_str()), ("::1", 5673, "a/b"));
        assert_eq!((local.authority.userinfo.password.as_str(), local.query.heartbeat), ("p@", Some(10)));
        let secure = read("amqps://host?heartbeat=30").unwrap();
        assert_eq!((secure.authority.port, secure.vhost.as_str(), secure.query.heartbeat), (5671, "/", Some(30)));
        for bad in ["amqp:///", "amqp://u:secret@host?heartbeat=x"] {
            let trouble = read(bad).unwrap_err();
            assert!(trouble.refused && !trouble.message.contains("secret"), "{}", trouble.message);
        }
    }
}
