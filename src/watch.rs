//! `bitsweep watch`: a sweep at a coordinator, until it is finished. As the bars of `run`.
//!
//! News are hints: they say when to look. What is shown is the status, so a missed one costs a moment.

use std::time::{Duration, Instant};

use bitsweep_coordinator::Observer;
use bitsweep_coordinator::api::types::{News, SweepStatus, What};
use bitsweep_proto::SweepId;
use serde_json::json;

use crate::cli::WatchArgs;
use crate::exit::{Exit, Failure};
use crate::print::{self, out};
use crate::progress::RunBars;
use crate::remote::Client;
use crate::sse::{Event, Events};
use crate::{standing, sweep};

/// The status is read this often while there is news, and at the latest after the other.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(5);

/// A coordinator that went away comes back within this time, or is given up. It is asked this often.
const PATIENCE: Duration = Duration::from_secs(600);
const ASK_AGAIN: Duration = Duration::from_secs(3);

pub(crate) async fn watch(args: WatchArgs) -> Result<Exit, Failure> {
    let (client, line) = sweep::find_at(&args.sweep, "`bitsweep watch`").await?;
    follow(&client, line.id, args.sweep.json).await
}

/// Shows how the sweep goes on, until it is finished.
pub(crate) async fn follow(client: &Client, sweep: SweepId, as_json: bool) -> Result<Exit, Failure> {
    let started = Instant::now();
    let mut watched = Watched { client, sweep, as_json, last_event: None, warned: false };
    let mut bars = RunBars::new(as_json);
    let (status, exit) = loop {
        match watched.until_finished(&mut bars).await {
            Ok(finished) => break finished,
            Err(failure) if failure.exit == Exit::Unreachable => watched.wait(&mut bars, failure).await?,
            Err(failure) => return Err(failure),
        }
    };
    drop(bars);
    if as_json {
        out(&format!("{}\n", json!({ "status": status })))?;
    } else {
        let time = print::seconds(started.elapsed().as_secs_f64());
        eprintln!("{} (watched for {time})", standing::sentence(&status));
    }
    Ok(exit)
}

struct Watched<'c> {
    client: &'c Client,
    sweep: SweepId,
    as_json: bool,
    /// Where the events go on after a broken connection.
    last_event: Option<String>,
    /// Whether it was said that nobody works.
    warned: bool,
}

impl Watched<'_> {
    async fn until_finished(&mut self, bars: &mut RunBars) -> Result<(SweepStatus, Exit), Failure> {
        let response = self.client.events(&self.sweep, self.last_event.as_deref()).await?;
        let mut events = Events::new(response);
        let mut looked = None;
        loop {
            if looked.is_none_or(|at: tokio::time::Instant| at.elapsed() >= SOONEST) {
                looked = Some(tokio::time::Instant::now());
                let status = self.look(bars).await?;
                if let Some(exit) = standing::exit(&status) {
                    return Ok((status, exit));
                }
            }
            let since = looked.unwrap_or_else(tokio::time::Instant::now);
            let mut due = since + LATEST;
            // Everything that is there already is taken before the next look.
            loop {
                tokio::select! {
                    event = events.next() => match event {
                        Ok(Some(event)) => self.hear(event, bars)?,
                        Ok(None) => return Err(Failure::unreachable("the coordinator closed the connection")),
                        Err(error) => return Err(self.client.broke(&error)),
                    },
                    () = tokio::time::sleep_until(due) => break,
                }
                due = due.min((since + SOONEST).max(tokio::time::Instant::now()));
            }
        }
    }

    async fn look(&mut self, bars: &mut RunBars) -> Result<SweepStatus, Failure> {
        let status: SweepStatus = self.client.get(&format!("/api/v1/sweeps/{}", self.sweep), &()).await?;
        bars.standing(&standing::standing(&status));
        if status.workers.is_empty() && standing::exit(&status).is_none() {
            if !std::mem::replace(&mut self.warned, true) {
                bars.note(&standing::sentence(&status));
            }
        } else {
            self.warned = false;
        }
        Ok(status)
    }

    fn hear(&mut self, event: Event, bars: &mut RunBars) -> Result<(), Failure> {
        if let Some(id) = event.id {
            self.last_event = Some(id);
        }
        if event.name != "news" {
            return Ok(());
        }
        if self.as_json {
            return out(&format!("{}\n", event.data));
        }
        let Ok(news) = serde_json::from_str::<News>(&event.data) else { return Ok(()) };
        match news.what {
            What::JobFailed { name, reason, .. } => bars.note(&format!("{name} failed: {reason}")),
            What::JobHeld { name, reason, .. } => bars.note(&format!("{name} is put aside: {reason}")),
            What::MadeAgain { name, reason, .. } => bars.note(&format!("{name} is made again: {reason}")),
            What::GateOpened { place } => bars.note(&format!("{place} opened")),
            What::BudgetReached { place, words } => bars.note(&format!("{place} is used up: {words}")),
            What::Submitted
            | What::Cancelled
            | What::Committed { .. }
            | What::Finished { .. }
            | What::Progress { .. } => {}
        }
        Ok(())
    }

    /// Waits for a coordinator that went away: another takes over, or it is started again.
    async fn wait(&self, bars: &mut RunBars, failure: Failure) -> Result<(), Failure> {
        if !self.as_json {
            bars.note(&format!("{}; the sweep goes on, waiting for a coordinator", failure.message));
        }
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            tokio::time::sleep(ASK_AGAIN).await;
            let asked: Result<SweepStatus, Failure> =
                self.client.get(&format!("/api/v1/sweeps/{}", self.sweep), &()).await;
            match asked {
                Ok(_) => return Ok(()),
                Err(again) if again.exit == Exit::Unreachable => {}
                Err(other) => return Err(other),
            }
        }
        Err(failure)
    }
}
