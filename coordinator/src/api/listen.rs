//! From a socket to the router: connections, their limits, and a shutdown that lets answers finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::tokens::Tokens;
use super::{ApiError, App, Settings, openapi};
use crate::desk::Desk;

/// What is being answered when the coordinator has to stop is finished within this time.
const GRACE: Duration = Duration::from_secs(5);

/// After a failed accept (no more files) nothing is accepted for this long.
const PAUSE: Duration = Duration::from_millis(200);

/// A bound socket, before it answers.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
    tokens: Option<Tokens>,
}

impl Server {
    /// Binds the address and reads the tokens. Without tokens only an address of this machine is taken.
    pub async fn bind(settings: Settings) -> Result<Self, ApiError> {
        let listen = settings.listen;
        let tokens = settings.token_file.as_deref().map(Tokens::read).transpose()?;
        if tokens.is_none() && !listen.ip().is_loopback() {
            return Err(ApiError::Open { listen });
        }
        std::fs::create_dir_all(&settings.spool)
            .map_err(|source| ApiError::Spool { path: settings.spool.clone(), source })?;
        let failed = |source| ApiError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, settings, tokens })
    }

    /// Where it listens; tells the port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`, then finishes what is being answered.
    pub async fn serve(self, desk: Desk, mut stop: watch::Receiver<bool>) {
        let connections = Arc::new(Semaphore::new(self.settings.limits.connections));
        let header_time = self.settings.limits.header_time;
        let news = desk.news();
        let app = App::new(desk, self.settings, (self.tokens, stop.clone()));
        let journal = app.journal.clone();
        let (journal_stop, stopping) = watch::channel(false);
        let keeping = tokio::spawn(async move { journal.keep(news, stopping).await });
        let service = TowerToHyperService::new(openapi::router(app).0);
        let graceful = GracefulShutdown::new();
        loop {
            let next = async {
                let permit = connections.clone().acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("no connection could be accepted: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(header_time);
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!("a connection broke: {error}");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::warn!("some answers were not finished within {} s", GRACE.as_secs());
        }
        journal_stop.send_replace(true);
        drop(keeping.await);
    }
}
