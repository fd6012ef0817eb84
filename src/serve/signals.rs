//! Signals that ask a program to end.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::{Exit, Failure};

/// True after the first SIGTERM, SIGINT or SIGHUP. The second ends the process at once, with `at_once`; what is committed
/// stays.
pub(crate) fn stop(at_once: Exit) -> Result<watch::Receiver<bool>, Failure> {
    let (raise, stop) = watch::channel(false);
    let listen =
        |kind: SignalKind| signal(kind).map_err(|error| Failure::wrong(format!("no signals can be had: {error}")));
    let mut signals =
        [listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?];
    tokio::spawn(async move {
        next(&mut signals).await;
        tracing::info!("told to stop");
        raise.send_replace(true);
        next(&mut signals).await;
        std::process::exit(at_once as i32);
    });
    Ok(stop)
}

async fn next([terminate, interrupt, hangup]: &mut [Signal; 3]) {
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {}, _ = hangup.recv() => {} }
}
