//! What machines, queue and ledger cost on top of the work: the SciFact sweep under all-MiniLM-L6-v2, embedded and with a
//! coordinator and one worker, in turn, or each on a core of its own at the same time; then one worker on one host and two on
//! two, which are network namespaces (root).

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use bitsweep_backends::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::gauge::Usage;
use crate::setting;
use crate::site::Site;
use crate::support::{Bench, test_data, test_model, text};

/// Two hosts, their addresses below 10.213.
const HOSTS: [&str; 2] = ["bitsweep-1", "bitsweep-2"];

const CODECS: &str = "\
codecs:
  - float32
  - int8
  - binary: { bits: [64, 128, 256, 512], seeds: 3 }
";

/// PQ learns 256 centroids from the documents.
const PQ: &str = "  - pq: { bytes: [8, 16, 32, 64] }\n";
const PQ_DOCUMENTS: usize = 300;

const MEASURES: &str = "measures: [nDCG@10, Recall@10, Recall@100, MRR@10, MRR, Overlap@10]\n";

/// `BITSWEEP_DOCS` says how many documents (all), `BITSWEEP_ROUNDS` how often (3), `BITSWEEP_HOST_DOCS` how many for the
/// hosts (as many).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: scripts/overhead runs it"]
async fn overhead() {
    let (documents, rounds) = (setting("BITSWEEP_DOCS", usize::MAX), setting("BITSWEEP_ROUNDS", 3));
    let cores = std::thread::available_parallelism().unwrap().get();
    let (mut embedded, mut distributed) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        embedded.push(in_one_process(documents, cores, || ()).await);
        distributed.push(with_one_worker(documents, cores, || ()).await);
        println!("round {round}: embedded {:?}, one worker {:?}", embedded[round - 1], distributed[round - 1]);
    }
    if rounds > 0 {
        let change = |of: &dyn Fn(&Took) -> f64| {
            let [alone, together] = [&embedded, &distributed].map(|all| median(all.iter().map(of).collect()));
            format!("{alone:.2} and {together:.2} s ({:+.1} %)", (together / alone - 1.0) * 100.0)
        };
        println!("medians, embedded and one worker: wall {}", change(&|took| took.wall));
        println!("  of that not in jobs, a slot: {}", change(&|took| took.outside(cores)));
        println!("  CPU of jobs: {}; of everything: {}", change(&|took| took.jobs_cpu), change(&|took| took.cpu));
    }
    let documents = setting("BITSWEEP_HOST_DOCS", documents);
    if documents == 0 {
        return;
    }
    let hosts = Hosts::make();
    let (one, two) = (on_hosts(documents, &HOSTS[..1]).await, on_hosts(documents, &HOSTS).await);
    drop(hosts);
    println!("one host of one core {one:.2} s, two {two:.2} s: {:.2} times as fast ({cores} cores in all)", one / two);
}

/// One side of a comparison at the same time: `BITSWEEP_SIDE` is `embedded` or `worker`, `BITSWEEP_MEET` a folder that both
/// share. The script gives each a core; whoever is ready first waits for the other, and whoever is done first keeps its core
/// busy, so that neither has the machine for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: scripts/overhead --side-by-side runs it"]
async fn side() {
    let documents = setting("BITSWEEP_DOCS", usize::MAX);
    let side = std::env::var("BITSWEEP_SIDE").expect("the script says which");
    let meet = PathBuf::from(std::env::var("BITSWEEP_MEET").expect("the script says where"));
    let both = |when: &str| ["embedded", "worker"].iter().all(|side| meet.join(format!("{when}-{side}")).exists());
    let arrive = |when: &str| fs::write(meet.join(format!("{when}-{side}")), "").unwrap();
    let ready = || {
        arrive("ready");
        while !both("ready") {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let took = match side.as_str() {
        "embedded" => in_one_process(documents, 1, ready).await,
        _ => with_one_worker(documents, 1, ready).await,
    };
    let beside = took.cpu - took.jobs_cpu;
    println!(
        "{side} {:.2} s, of that not in jobs {:.2} s, processors beside jobs {beside:.2} s",
        took.wall,
        took.outside(1)
    );
    arrive("done");
    while !both("done") {
        std::hint::spin_loop();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds that a sweep took.
#[derive(Debug)]
struct Took {
    wall: f64,
    /// From claim to done, of all jobs.
    jobs: f64,
    /// Of processors, by the children that ran the jobs.
    jobs_cpu: f64,
    /// Of processors, by these and all else that was started for it, the services too.
    cpu: f64,
}

impl Took {
    /// What a slot was not in a job: jobs that take longer because the machine was busy elsewhere are no part of it.
    fn outside(&self, slots: usize) -> f64 {
        self.wall - self.jobs / slots as f64
    }

    async fn of(store: &Store, (began, cpu): (Instant, f64)) -> Self {
        let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_so_far() - cpu);
        let (mut jobs, mut jobs_cpu) = (0.0, 0.0);
        for key in store.known().await.unwrap().outcomes.into_keys() {
            let cost = store.outcome(key).await.unwrap().expect("it is known").cost;
            jobs += cost.seconds;
            jobs_cpu += cost.cpu_seconds;
        }
        Self { wall, jobs, jobs_cpu, cpu }
    }
}

/// Seconds of processors of all that this test has started, the services too.
fn cpu_so_far() -> f64 {
    Usage::cpu_so_far(std::process::id())
}

/// So many datasets that all slots have something to embed.
fn datasets(documents: usize, slots: usize) -> usize {
    if documents < 2000 { slots } else { 1 }
}

/// `bitsweep run`, from the start of the command to its end. `ready` is called before.
async fn in_one_process(documents: usize, cores: usize, ready: impl FnOnce()) -> Took {
    let bench = bench(documents, datasets(documents, cores));
    ready();
    let began = (Instant::now(), cpu_so_far());
    bench.ok(&["run", "sweep.yaml", "--quiet", "--slots", &cores.to_string(), "--threads", "1"]);
    let store = Store::open(&bench.path(".bitsweep").display().to_string()).await.unwrap();
    Took::of(&store, began).await
}

/// `bitsweep submit --watch`, then `report`, with a coordinator and a worker that are there.
async fn with_one_worker(documents: usize, cores: usize, ready: impl FnOnce()) -> Took {
    let mut site = Site::start(bench(documents, datasets(documents, cores))).await;
    let _coordinator = site.coordinator(&[]).await;
    let slots = u32::try_from(cores).unwrap();
    let _worker = site.worker(slots, &[]);
    site.slots(slots).await;
    ready();
    let began = (Instant::now(), cpu_so_far());
    site.bench.ok(&["submit", "sweep.yaml", "--to", &site.api, "--watch", "--json"]);
    site.bench.ok(&["report", "sweep.yaml", "--to", &site.api]);
    Took::of(&site.store, began).await
}

/// A worker of one slot on each host; the time from the first claim to the last commit.
async fn on_hosts(documents: usize, hosts: &[&str]) -> f64 {
    let mut site = Site::start(bench(documents, 2)).await;
    let _coordinator = site.coordinator(&[]).await;
    let mut ways = Vec::new();
    let workers: Vec<_> = (1..)
        .zip(hosts)
        .map(|(number, host)| {
            let here = Ipv4Addr::new(10, 213, number, 1);
            let queue = site.rabbit.address().with_secrets().clone();
            let ledger = site.redis.address().with_secrets().clone();
            let mut there = [queue, ledger];
            for service in &mut there {
                let port = service.port().unwrap();
                ways.push(forward(SocketAddr::from((here, port)), port));
                service.set_host(Some(&here.to_string())).unwrap();
            }
            let [queue, ledger] = there.map(|service| service.to_string());
            site.worker_on(host, 1, [&queue, &ledger])
        })
        .collect();
    site.slots(u32::try_from(hosts.len()).unwrap()).await;
    let began = Instant::now();
    site.bench.ok(&["submit", "sweep.yaml", "--to", &site.api, "--watch", "--json"]);
    let took = began.elapsed();
    drop(workers);
    ways.iter().for_each(JoinHandle::abort);
    took.as_secs_f64()
}

/// The network namespaces; gone when it is dropped.
struct Hosts;

impl Hosts {
    fn make() -> Self {
        let hosts = Self;
        for (number, host) in (1..).zip(HOSTS) {
            let (here, there) = (format!("bs{number}h"), format!("bs{number}w"));
            ip(&format!("netns add {host}"));
            ip(&format!("link add {here} type veth peer name {there} netns {host}"));
            ip(&format!("addr add 10.213.{number}.1/24 dev {here}"));
            ip(&format!("link set {here} up"));
            ip(&format!("-n {host} addr add 10.213.{number}.2/24 dev {there}"));
            ip(&format!("-n {host} link set {there} up"));
            ip(&format!("-n {host} link set lo up"));
        }
        hosts
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in HOSTS {
            // One that was not made cannot go.
            let _ = Command::new("ip").args(["netns", "del", host]).output();
        }
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {arguments}: {} (this needs root)", text(&output.stderr));
}

/// Lets others reach a port of this host's own by one of its other addresses.
fn forward(from: SocketAddr, port: u16) -> JoinHandle<()> {
    tokio::spawn(async move {
        let listener = TcpListener::bind(from).await.unwrap();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    })
}

/// The first documents of SciFact in so many datasets of equal size, with the queries that they answer.
fn bench(documents: usize, datasets: usize) -> Bench {
    let data = test_data("scifact").expect("the test data is there (BITSWEEP_TEST_DATA)");
    let model = test_model("all-MiniLM-L6-v2").expect("scripts/test-models fetches it").canonicalize().unwrap();
    let bench = Bench::on_disk();
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let id = |line: &str| match &serde_json::from_str::<serde_json::Value>(line).unwrap()["_id"] {
        serde_json::Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    let (corpus, queries, qrels) = (read("corpus.jsonl"), read("queries.jsonl"), read("qrels/test.tsv"));
    let lines: Vec<&str> = corpus.lines().take(documents).collect();
    let mut manifest =
        format!("sweep: scifact\nmodels:\n  minilm: {{ source: \"file:{}\" }}\ndatasets:\n", model.display());
    for (number, lines) in lines.chunks(lines.len().div_ceil(datasets)).enumerate() {
        let documents: BTreeSet<String> = lines.iter().map(|line| id(line)).collect();
        let mut fields = qrels.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        let judged: Vec<Vec<&str>> = fields.by_ref().filter(|fields| documents.contains(fields[1])).collect();
        let asked: BTreeSet<&str> = judged.iter().map(|fields| fields[0]).collect();
        let queries: Vec<&str> = queries.lines().filter(|line| asked.contains(id(line).as_str())).collect();
        let judged: Vec<String> = judged.iter().map(|fields| fields.join("\t")).collect();
        let name = format!("scifact-{number}");
        bench.write(&format!("{name}/corpus.jsonl"), lines.join("\n") + "\n");
        bench.write(&format!("{name}/queries.jsonl"), queries.join("\n") + "\n");
        bench.write(&format!("{name}/qrels/test.tsv"), format!("query-id\tcorpus-id\tscore\n{}\n", judged.join("\n")));
        manifest += &format!("  {name}: {{ source: file:{name} }}\n");
    }
    let pq = if lines.len() / datasets >= PQ_DOCUMENTS { PQ } else { "" };
    bench.write("sweep.yaml", manifest + CODECS + pq + MEASURES);
    bench
}
