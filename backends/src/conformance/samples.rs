//! Small values to put into the services.

use std::collections::BTreeMap;
use std::time::Duration;

use bitsweep_proto::attempt::{ATTEMPT_VERSION, AttemptEnd, AttemptStart, Nonce, Verdict};
use bitsweep_proto::codec::Codec;
use bitsweep_proto::job::{Class, Compress, Kind, Retrieve, Spec};
use bitsweep_proto::lock::{LOCK_VERSION, Lock};
use bitsweep_proto::outcome::{Cost, Item, OUTCOME_VERSION, Outcome, Produced, Provenance, Rates};
use bitsweep_proto::plan::{From, Input, PLAN_VERSION, Plan, PlannedCell, PlannedJob};
use bitsweep_proto::profile::{Profile, Profiles};
use bitsweep_proto::wire::Ticket;
use bitsweep_proto::worker::{Offer, WorkerCard};
use bitsweep_proto::{Cell, Digest, JobKey, Track, Work};

use crate::ledger::Heartbeat;

/// A digest for each number.
pub fn digest(number: u64) -> Digest {
    Digest::of(format!("sample {number}").as_bytes())
}

/// A nonce for each number.
pub fn nonce(number: u64) -> Nonce {
    Nonce(format!("{number:032x}"))
}

/// A ticket for each number.
pub fn ticket(number: u64, class: Class) -> Ticket {
    Ticket { key: JobKey(digest(number)), class }
}

/// The profiles of a machine.
pub fn profiles() -> Profiles {
    let profile = |kernels: &str| Profile {
        device: "cpu".to_owned(),
        precision: "f32".to_owned(),
        kernels: kernels.to_owned(),
        self_test: digest(0),
    };
    Profiles { encoder: profile("encoder-1"), search: profile("search-1") }
}

/// What a worker offers that can run everything.
pub fn offer() -> Offer {
    Offer {
        kinds: Kind::ALL.map(|kind| (kind, kind.code_version())).to_vec(),
        profiles: profiles(),
        device: "cpu".to_owned(),
        device_memory_bytes: None,
    }
}

/// A worker for each number.
pub fn worker(number: u64) -> WorkerCard {
    WorkerCard {
        id: nonce(number),
        host: format!("host-{number}"),
        process: 1,
        version: "0.1.0".to_owned(),
        classes: vec![Class::Cpu],
        slots: 2,
        busy: 0,
        offer: offer(),
        leaving: false,
    }
}

fn spec() -> Spec {
    Spec::Compress(Compress { codec: Codec::Int8, dim: 4 })
}

/// Work that needs the search profile, for each number.
pub fn work(number: u64) -> Work {
    let fields = spec().fields(&profiles());
    Work {
        key: JobKey(digest(number)),
        spec: spec(),
        fields,
        inputs: Vec::new(),
        profile: Some(profiles().search),
        generation: 0,
        device_memory_bytes: 0,
        traceparent: String::new(),
    }
}

/// A sign of life of an attempt on the first generation of a job, for an hour.
pub fn heartbeat(key: u64, attempt: u64) -> Heartbeat {
    Heartbeat {
        key: JobKey(digest(key)),
        attempt: nonce(attempt),
        generation: 0,
        lease: Duration::from_secs(3600),
        done: 1,
        total: 2,
    }
}

/// The outcome of a job by an attempt, with one blob.
pub fn outcome(key: JobKey, generation: u32, attempt: u64, blob: Digest) -> Outcome {
    let artifact = vec![Item { name: "index".to_owned(), blob, bytes: 3 }];
    Outcome {
        version: OUTCOME_VERSION,
        key,
        generation,
        attempt: nonce(attempt),
        kind: Kind::Compress,
        fields: spec().fields(&profiles()),
        inputs: Vec::new(),
        produced: Produced {
            artifact,
            facts: BTreeMap::from([("rows".to_owned(), 3)]),
            values: BTreeMap::from([("mean".to_owned(), 0.1)]),
            ..Produced::default()
        },
        provenance: Provenance::default(),
        cost: Cost::default(),
    }
}

/// The start of an attempt on a job.
pub fn start(key: u64, attempt: u64) -> AttemptStart {
    AttemptStart {
        version: ATTEMPT_VERSION,
        attempt: nonce(attempt),
        key: JobKey(digest(key)),
        generation: 0,
        host: "host".to_owned(),
        process: 1,
        started_at: 1_000 + attempt,
        checkpoints_found: 0,
        device: "cpu".to_owned(),
        rates: Rates::default(),
    }
}

/// The end of an attempt on a job.
pub fn end(key: u64, attempt: u64, verdict: Verdict) -> AttemptEnd {
    AttemptEnd {
        version: ATTEMPT_VERSION,
        attempt: nonce(attempt),
        key: JobKey(digest(key)),
        ended_at: 2_000 + attempt,
        checkpoints_made: 0,
        verdict,
        cost: Cost::default(),
    }
}

/// A plan of two jobs: one compresses `imported`, the other searches what it made. Its cell differs with `name`.
pub fn plan(name: &str, imported: Digest) -> Plan {
    let input = |name: &str, from| Input { name: name.to_owned(), item: String::new(), from };
    let retrieve = Retrieve { codec: Codec::Int8, dim: 4, depth: 10, ignore_identical_ids: false };
    let job = |spec, inputs| PlannedJob { key: JobKey(digest(0)), spec, inputs, tier: 1, track: Track::Core };
    let mut plan = Plan {
        version: PLAN_VERSION,
        name: name.to_owned(),
        manifest: format!("sweep: {name}\n"),
        lock: Lock {
            version: LOCK_VERSION,
            models: BTreeMap::new(),
            datasets: BTreeMap::new(),
            similarity: BTreeMap::new(),
            classification: BTreeMap::new(),
        },
        profiles: profiles(),
        measures: Vec::new(),
        cells: vec![PlannedCell { cell: Cell::retrieval("m", name, Codec::Int8), tier: 1, track: Track::Core, job: 1 }],
        jobs: vec![
            job(spec(), vec![input("documents", From::Blob(imported))]),
            job(Spec::Retrieve(retrieve), vec![input("index", From::Job(0))]),
        ],
        gates: Vec::new(),
        budgets: Vec::new(),
        expect: Vec::new(),
    };
    for index in 0..2 {
        plan.jobs[index as usize].key = plan.fields(index).key();
    }
    plan
}
