//! The child at work: its messages, its silence, its memory, and the reasons to stop it.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::BackendError;
use bitsweep_proto::attempt::Verdict;
use bitsweep_proto::wire::{Done, FromChild, Task, ToChild, WireError};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::running::Running;
use crate::deadline::Stop;
use crate::error::with_causes;
use crate::hung::Silence;
use crate::kinds::patience;
use crate::lease::Lease;
use crate::usage;

/// For a message of a few bytes to be taken; a stopped child whose pipe is full never does.
const TELL_LIMIT: Duration = Duration::from_secs(1);

/// What came of the child's work.
pub(super) enum Answer {
    Done(Done),
    Over(Verdict),
}

/// What is watched while a child works.
struct Watch {
    /// Looks at the child at every beat.
    beats: Interval,
    silence: Silence,
    /// For how long it may be silent.
    patience: Duration,
    /// Once it was told to stop: until when it may take.
    limit: Option<Instant>,
}

/// What happens next.
enum Next {
    /// There is a reason to stop.
    Stop(&'static str),
    /// The time to stop is over.
    TooLate,
    Message(Option<Result<FromChild, WireError>>),
    Beat,
}

impl Running {
    /// Has the child run the task, keeps its checkpoints, and tells it to stop when that is due. Comes back with the
    /// child still busy where it is broken, hung or did not stop in time.
    pub(super) async fn run_in_child(&mut self, task: Task) -> Result<Answer, BackendError> {
        let settings = &Arc::clone(&self.attempt.place.shared).settings;
        let patience = patience(self.attempt.work.spec.kind()).mul_f64(settings.patience.clamp(1e-6, 1e6));
        self.child_is_free = false;
        usage::reset_peak_memory(self.child.pid);
        self.cpu_seconds_before = usage::cpu_seconds(self.child.pid);
        let (run, stop) = (ToChild::Run(Box::new(task)), self.attempt.place.stop.clone());
        match stop.or_past(settings.stop_limit, timeout(patience, self.child.send(&run))).await {
            // If the child is gone, the next message says so.
            Some(Ok(Ok(()) | Err(WireError::Io(_)))) => {}
            Some(Ok(Err(error))) => return Ok(Answer::Over(self.broke(with_causes(&error)).await)),
            Some(Err(_)) => return Ok(Answer::Over(self.broke(no_progress(patience)).await)),
            None => return Ok(Answer::Over(Verdict::Preempted)),
        }
        let mut beats = interval_at(Instant::now() + settings.beat, settings.beat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let silence = Silence::new(patience, settings.beat);
        let mut watch = Watch { beats, silence, patience, limit: None };
        loop {
            match self.next(&mut watch).await {
                Next::Stop(why) => {
                    self.attempt.log.line(&format!("told to stop: {why}"));
                    watch.limit = Some(Instant::now() + settings.stop_limit);
                    let _ = timeout(TELL_LIMIT, self.child.send(&ToChild::Stop)).await;
                }
                Next::TooLate => {
                    self.attempt.log.line("did not stop in time");
                    return Ok(Answer::Over(Verdict::Preempted));
                }
                Next::Beat => {
                    if let Some(why) = self.complaint(&mut watch) {
                        return Ok(Answer::Over(self.broke(why).await));
                    }
                }
                Next::Message(message) => {
                    if let Some(answer) = self.hear(message, &watch).await? {
                        return Ok(answer);
                    }
                    // What the supervisor did meanwhile is not the child's silence.
                    watch.silence.broken();
                }
            }
        }
    }

    /// Waits for whatever happens next; what ends the attempt goes first.
    async fn next(&mut self, watch: &mut Watch) -> Next {
        let stop = self.attempt.place.stop.clone();
        let limit = watch.limit;
        tokio::select! {
            biased;
            () = stop.past(self.attempt.place.shared.settings.stop_limit) => Next::TooLate,
            why = due(&stop, &mut self.attempt.lease), if limit.is_none() => Next::Stop(why),
            () = sleep_until(limit.unwrap_or(self.attempt.began)), if limit.is_some() => Next::TooLate,
            message = self.child.next() => Next::Message(message),
            _ = watch.beats.tick() => Next::Beat,
        }
    }

    /// Deals with a message of the child; the answer, where that ends its work.
    async fn hear(
        &mut self,
        message: Option<Result<FromChild, WireError>>,
        watch: &Watch,
    ) -> Result<Option<Answer>, BackendError> {
        let told_to_stop = watch.limit.is_some();
        let verdict = match message {
            Some(Ok(FromChild::Progress { done, total })) => {
                self.attempt.lease.progress(done, total);
                return Ok(None);
            }
            Some(Ok(FromChild::Note { line })) => {
                self.attempt.log.line(&line);
                return Ok(None);
            }
            Some(Ok(FromChild::Checkpoint { name, path })) => {
                let (stop, limit) = (self.attempt.place.stop.clone(), self.attempt.place.shared.settings.stop_limit);
                let Some(kept) = stop.or_past(limit, self.keep(&name, &path)).await else {
                    self.attempt.log.line(&format!("the deadline came before \"{name}\" was kept"));
                    return Ok(Some(Answer::Over(Verdict::Preempted)));
                };
                kept?;
                let _ = timeout(TELL_LIMIT, self.child.send(&ToChild::Kept { name })).await;
                return Ok(None);
            }
            Some(Ok(FromChild::Done(done))) => {
                self.child_is_free = true;
                self.take_usage();
                return Ok(Some(Answer::Done(*done)));
            }
            Some(Ok(FromChild::Stopped)) => self.free(Verdict::Preempted),
            Some(Ok(FromChild::Failed { code, message })) => self.free(Verdict::Failed { code, message }),
            Some(Ok(FromChild::Unable { message })) => self.free(Verdict::Infrastructure { message }),
            // Killed along with us, or by us: not its fault.
            Some(Err(_)) | None if told_to_stop => Verdict::Preempted,
            Some(Ok(message @ FromChild::Hello { .. })) => self.broke(format!("it sent {message:?}")).await,
            Some(Err(error)) => self.broke(with_causes(&error)).await,
            None => Verdict::Broke { message: self.child.how_it_ended().await },
        };
        Ok(Some(Answer::Over(verdict)))
    }

    /// The child has answered and can take another task.
    fn free(&mut self, verdict: Verdict) -> Verdict {
        self.child_is_free = true;
        self.take_usage();
        verdict
    }

    /// The child did what no child may do.
    async fn broke(&mut self, why: String) -> Verdict {
        self.attempt.log.line(&format!("killed: {why}"));
        Verdict::Broke { message: self.child.kill_for(why).await }
    }

    /// A look at the child: why it is to be killed, if it is.
    fn complaint(&mut self, watch: &mut Watch) -> Option<String> {
        self.take_usage();
        let used = usage::own_memory_bytes(self.child.pid);
        let limit = self.attempt.place.shared.settings.memory_limit_bytes;
        if let Some(limit) = limit.filter(|limit| used > *limit) {
            return Some(format!("used {used} bytes, limit {limit}"));
        }
        // Once it was told to stop, that has a limit of its own.
        (watch.silence.beat() && watch.limit.is_none()).then(|| no_progress(watch.patience))
    }

    fn take_usage(&mut self) {
        let (cpu, peak) = (usage::cpu_seconds(self.child.pid), usage::peak_memory_bytes(self.child.pid));
        self.attempt.cost.cpu_seconds = self.attempt.cost.cpu_seconds.max(cpu - self.cpu_seconds_before);
        self.attempt.cost.peak_memory_bytes = self.attempt.cost.peak_memory_bytes.max(peak);
    }
}

fn no_progress(patience: Duration) -> String {
    format!("no progress for {} s", patience.as_secs_f64())
}

/// Waits for a reason to stop: the deadline, or a lease that is lost or unwanted.
pub(super) async fn due(stop: &Stop, lease: &mut Lease) -> &'static str {
    tokio::select! {
        biased;
        _ = stop.raised() => "the worker has to go",
        why = lease.over() => why,
    }
}
