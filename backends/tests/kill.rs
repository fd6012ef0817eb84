//! A writer is killed (`kill -9`) at any moment: nothing that can be seen is half there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bitsweep_backends::Store;
use bitsweep_backends::store::GcOptions;
use bitsweep_proto::attempt::Nonce;
use bitsweep_proto::job::Kind;
use bitsweep_proto::outcome::{Cost, Item, OUTCOME_VERSION, Outcome, Produced, Provenance};
use bitsweep_proto::{Digest, Fields, JobKey};

const STORE: &str = "BITSWEEP_TEST_KILLED_STORE";

/// The writer. It only runs as a child of the test below.
#[tokio::test]
#[ignore = "writes until it is killed by the test beside it"]
async fn write_for_ever() {
    let folder = std::env::var(STORE).expect("this runs as a child of the test beside it");
    let store = Store::open(&folder).await.unwrap();
    let _lock = store.lock().unwrap();
    let large = Path::new(&folder).with_extension("large");
    for number in u64::from(std::process::id()) << 32.. {
        let mut content = vec![0; 9_000_000];
        content[..8].copy_from_slice(&number.to_le_bytes());
        std::fs::write(&large, &content).unwrap();
        let (blob, bytes) = store.put_blob_file(&large).await.unwrap();
        let key = JobKey(Digest::of(&number.to_le_bytes()));
        let item = Item { name: "chunk/0".to_owned(), blob, bytes };
        store.put_checkpoint(key, &item).await.unwrap();
        let outcome = Outcome {
            version: OUTCOME_VERSION,
            key,
            generation: 0,
            attempt: Nonce("0".to_owned()),
            kind: Kind::Embed,
            fields: Fields::default(),
            inputs: Vec::new(),
            produced: Produced { artifact: vec![item], ..Produced::default() },
            provenance: Provenance::default(),
            cost: Cost::default(),
        };
        store.put_outcome(&outcome).await.unwrap();
        println!("wrote {number}");
    }
}

#[tokio::test]
async fn nothing_is_half_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("store");
    let mut committed = 0;
    for kill in 0..12 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["write_for_ever", "--exact", "--ignored", "--nocapture"])
            .env(STORE, &place)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let wrote = lines.map_while(Result::ok).filter(|line| line.contains("wrote")).take(1 + kill % 3).count();
        assert_eq!(wrote, 1 + kill % 3);
        // Somewhere in the next write; where exactly, the machine's other work decides.
        (0..kill * 40_000).for_each(|_| std::hint::spin_loop());
        writer.kill().unwrap();
        writer.wait().unwrap();
        committed += wrote;
    }
    let store = Store::open(&place.display().to_string()).await.unwrap();
    let known = store.known().await.unwrap();
    assert!(known.outcomes.len() >= committed, "what was said to be written is there");
    for key in known.outcomes.keys() {
        let outcome = store.outcome(*key).await.unwrap().unwrap();
        let item = &outcome.produced.artifact[0];
        store.fetch_blob(&item.blob).await.unwrap();
        assert_eq!(store.checkpoints(*key).await.unwrap(), outcome.produced.artifact);
    }
    for shard in std::fs::read_dir(place.join("blobs")).unwrap() {
        for blob in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            let name = blob.unwrap().file_name().into_string().unwrap();
            if let Ok(digest) = name.parse::<Digest>() {
                store.fetch_blob(&digest).await.unwrap();
            }
        }
    }
    // The lock died with its holder, and no plan needs anything of this.
    let lock = store.lock().unwrap();
    let now = GcOptions { dry_run: false, min_age: Duration::ZERO };
    assert!(store.gc(&lock, &[], now).await.unwrap().removed > 0);
    assert_eq!(store.gc(&lock, &[], now).await.unwrap().removed, 0);
}
