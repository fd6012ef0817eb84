//! The hub's local cache.

use std::fs;
use std::os::unix::fs::symlink;

use bitsweep_proto::Digest;
use serde_json::json;

use crate::fake_server::Reply;
use crate::hub::{COMMIT, hub};
use crate::setting::{DECIDING, Setting, model_files, names};

/// Lays out a cache as the hub's Python client does: links to blobs, large ones named by SHA-256.
fn cache(setting: &Setting, folder: &str) {
    let repo = setting.path(folder).join("models--org--m");
    for folder in ["blobs", "refs", &format!("snapshots/{COMMIT}/1_Pooling")] {
        fs::create_dir_all(repo.join(folder)).unwrap();
    }
    fs::write(repo.join("refs/main"), COMMIT).unwrap();
    for (name, bytes) in model_files() {
        let blob = repo.join("blobs").join(Digest::of(&bytes).to_string());
        fs::write(&blob, bytes).unwrap();
        symlink(blob, repo.join("snapshots").join(COMMIT).join(name)).unwrap();
    }
}

#[test]
fn offline_the_cache_is_used() {
    let variables = [
        ("HF_HUB_CACHE", "c", "c"),
        ("HF_HOME", "h", "h/hub"),
        ("XDG_CACHE_HOME", "x", "x/huggingface/hub"),
        ("", "", "home/.cache/huggingface/hub"),
    ];
    for (variable, value, folder) in variables {
        let (server, mut setting) = hub(|_| None);
        if !variable.is_empty() {
            let path = setting.path(value).display().to_string();
            setting.set(variable, path);
        }
        setting.set("HF_HUB_OFFLINE", "1");
        cache(&setting, folder);
        for source in ["hf:org/m", &format!("hf:org/m@{COMMIT}")] {
            let model = setting.model(json!(source)).unwrap();
            assert_eq!(model.revision.as_deref(), Some(COMMIT));
            assert_eq!(names(&model.files), DECIDING);
        }
        let missing = setting.model(json!("hf:org/m@v2")).unwrap_err().to_string();
        assert!(missing.contains("offline, and revision v2 is not in "), "{missing}");
        assert!(server.asked().is_empty());
    }
}

#[test]
fn the_cache_stands_in_for_an_unreachable_hub() {
    let (_server, mut setting) = hub(|_| Some(Reply::new(503)));
    cache(&setting, "home/.cache/huggingface/hub");
    assert_eq!(setting.model(json!("hf:org/m")).unwrap().revision.as_deref(), Some(COMMIT));
    assert!(setting.told.lines.last().unwrap().contains("is taken from the hub's cache"));
}

#[test]
fn what_the_cache_has_is_not_downloaded() {
    let (server, mut setting) = hub(|_| None);
    cache(&setting, "home/.cache/huggingface/hub");
    let snapshot = setting.path("home/.cache/huggingface/hub/models--org--m/snapshots").join(COMMIT);
    fs::remove_file(snapshot.join("modules.json")).unwrap();
    let model = setting.model(json!("hf:org/m")).unwrap();
    assert_eq!(names(&model.files), DECIDING);
    let asked: Vec<String> = server.asked().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, ["/api/models/org/m/revision/main".to_owned(), format!("/org/m/resolve/{COMMIT}/modules.json")]);
}

#[test]
fn damage_in_the_cache_is_found() {
    let (_server, mut setting) = hub(|_| None);
    cache(&setting, "home/.cache/huggingface/hub");
    let weights = model_files().into_iter().find(|(name, _)| name == "model.safetensors").unwrap().1;
    let blob = format!("home/.cache/huggingface/hub/models--org--m/blobs/{}", Digest::of(&weights));
    setting.write(&blob, "damaged");
    let message = setting.model(json!("hf:org/m")).unwrap_err().to_string();
    assert!(message.contains("in the hub's cache is damaged"), "{message}");
    assert!(message.contains("delete it to download it again"), "{message}");
}
