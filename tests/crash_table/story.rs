//! What happens in every case, whatever goes wrong beside it: what people do, and what happens to machines and disks.
//!
//! Each step waits for something that becomes true sooner or later whoever dies, and is done once.

use std::sync::Arc;
use std::time::Duration;

use bitsweep_backends::BackendError;
use bitsweep_backends::conformance::points::Effect;
use bitsweep_coordinator::{Desk, DeskError, Role};
use bitsweep_plan::retry::{Accounts, History, Ruling};
use bitsweep_proto::job::Class;
use bitsweep_proto::wire::Ticket;
use bitsweep_proto::{Action, JobKey, SweepId};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::child;
use crate::sweeps::{embeddings, retrieval};
use crate::world::{LIMITS, TWICE, World};

/// What is waited for is looked at this often.
const LOOK: Duration = Duration::from_millis(10);

/// A desk that does not answer for so long is left.
const ANSWER: Duration = Duration::from_secs(2);

/// Starts the actors and does all that is to be done; over when every job has an outcome. `step` says where it is.
pub(crate) async fn play(world: &Arc<World>, actors: &mut JoinSet<()>, step: &mut &'static str) {
    let [first, second] = &world.plans;
    let ([documents, queries], [first, second]) = (embeddings(first), [first.id(), second.id()]);
    *step = "a ticket of before, which comes while the ledger is closed";
    let stale = Ticket { key: documents, class: Class::Gpu };
    world.queue.publish(&[stale]).await.expect("it is in memory");
    world.start_worker(0, actors);
    let given_back = Effect("worker queue.requeue".to_owned());
    soon(world, until(async || world.board.seen().contains_key(&given_back))).await;
    world.start_coordinators(actors);
    soon(world, until(async || world.desks().iter().any(|desk| desk.role() == Role::Leader))).await;
    world.start_worker(1, actors);
    *step = "submit the first sweep";
    submit(world, 0).await;
    *step = "wait until its documents are being embedded";
    until(async || child::waits(world.folder(), "m").exists()).await;
    *step = "submit the second sweep";
    submit(world, 1).await;
    until(async || child::waits(world.folder(), "n").exists()).await;
    *step = "cancel it, while a worker is at it";
    decide(world, second, Action::Cancel).await;
    // Whoever is at it hears so at the next beat.
    let interrupted = embeddings(&world.plans[1])[0];
    soon(world, until(async || all_ended(world, interrupted).await)).await;
    *step = "have a machine vanish, with the worker that embeds the documents";
    if let Some(worker) = world.who(&child::waits(world.folder(), "m")) {
        world.kill_worker(worker);
    }
    until(async || child::waits(world.folder(), "m-again").exists()).await;
    *step = "stop the workers";
    TWICE.into_iter().for_each(|number| world.stop_worker(number));
    *step = "resume the second sweep";
    decide(world, second, Action::Resume).await;
    *step = "wait for the first tier";
    until(async || tier_is_done(world).await).await;
    *step = "lose a blob, damage another, and an outcome";
    let blobs = (blob_of(world, documents).await, blob_of(world, queries).await);
    world.lose(&blobs.0).await;
    world.damage_blob(&blobs.1).await;
    world.damage_outcome(retrieval(&world.plans[0])).await;
    *step = "stop the coordinator that leads";
    world.stop_leader();
    *step = "open the gate";
    decide(world, first, Action::Reported).await;
    *step = "wait until the second sweep is done, or given up";
    until(async || is_done(world, 1).await || is_given_up(world, 1).await).await;
    if !is_done(world, 1).await {
        *step = "try again what was given up";
        decide(world, second, Action::Retry { forgiven: Vec::new() }).await;
    }
    *step = "wait until everything is done";
    until(async || is_done(world, 0).await && is_done(world, 1).await).await;
    *step = "everything is done";
}

/// Waits until it is so.
pub(crate) async fn until(is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        sleep(LOOK).await;
    }
}

/// As long as a lease for what may never be, where something goes wrong just now.
async fn soon(world: &World, waiting: impl Future<Output = ()>) {
    let _ = timeout(world.place.lease(), waiting).await;
}

async fn submit(world: &World, number: usize) {
    let plan = &world.plans[number];
    ask(world, async |desk| desk.submit(Arc::clone(plan)).await.map(|_| ())).await;
}

/// Puts one decision on record: whoever did not hear that it is, looks.
async fn decide(world: &World, sweep: SweepId, action: Action) {
    let before = controls(world, sweep).await;
    let attempt = async |desk: Desk| match controls(world, sweep).await > before {
        true => Ok(()),
        false => desk.control(sweep, action.clone()).await.map(|_| ()),
    };
    ask(world, attempt).await;
}

async fn controls(world: &World, sweep: SweepId) -> usize {
    world.store.controls(&sweep).await.expect("the store is sound").len()
}

/// Asks one coordinator after the other until one has done it.
async fn ask(world: &World, question: impl AsyncFn(Desk) -> Result<(), DeskError>) {
    loop {
        for desk in world.desks() {
            match timeout(ANSWER, question(desk)).await {
                Ok(Ok(())) => return,
                Ok(Err(DeskError::Backend(BackendError::Unavailable { .. }))) | Err(_) => {}
                Ok(Err(error)) => panic!("nothing is wrong with what was asked: {error}"),
            }
        }
        sleep(LOOK).await;
    }
}

async fn is_done(world: &World, number: usize) -> bool {
    let known = world.store.known().await.expect("the store is sound");
    world.plans[number].jobs.iter().all(|job| known.outcomes.contains_key(&job.key))
}

async fn tier_is_done(world: &World) -> bool {
    let known = world.store.known().await.expect("the store is sound");
    let mut jobs = world.plans[0].jobs.iter().filter(|job| job.tier == 1);
    jobs.all(|job| known.outcomes.contains_key(&job.key))
}

async fn all_ended(world: &World, key: JobKey) -> bool {
    let attempts = world.store.attempts(key).await.expect("the store is sound");
    attempts.starts.len() == attempts.ends.len()
}

async fn is_given_up(world: &World, number: usize) -> bool {
    for job in &world.plans[number].jobs {
        let attempts = world.store.attempts(job.key).await.expect("the store is sound");
        let history = History::of(&attempts.starts, &attempts.ends);
        let accounts = Accounts::of_history(&history, &Default::default(), &LIMITS);
        if matches!(accounts.ruling(), Some(Ruling::Failed { .. })) {
            return true;
        }
    }
    false
}

async fn blob_of(world: &World, key: JobKey) -> bitsweep_proto::Digest {
    let outcome = world.store.outcome(key).await.expect("the store is sound").expect("it is done");
    outcome.produced.artifact[0].blob
}
