//! The arrows between crates are those of ARCHITECTURE.md: nothing points back.

use std::collections::BTreeMap;
use std::process::Command;

/// Who may use whom. `bitsweep` itself may use everything.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("proto", &[]),
    ("sources", &["proto"]),
    ("plan", &["proto"]),
    ("models", &["proto"]),
    ("vectors", &["proto"]),
    ("measures", &["proto"]),
    ("backends", &["proto"]),
    ("jobs", &["proto", "models", "vectors", "measures"]),
    ("worker", &["proto", "jobs", "backends"]),
    ("coordinator", &["proto", "plan", "backends"]),
    ("report", &["proto", "measures"]),
];

#[test]
fn nothing_points_back() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let mut seen = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        let Some(name) = package["name"].as_str().and_then(|name| name.strip_prefix("bitsweep-")) else { continue };
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("crate {name} is not in the table of arrows"));
        seen += 1;
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            if dependency["kind"] == "dev" {
                continue;
            }
            let Some(target) = dependency["name"].as_str().and_then(|name| name.strip_prefix("bitsweep-")) else {
                continue;
            };
            assert!(allowed.contains(&target), "{name} must not use {target}");
        }
    }
    assert_eq!(seen, ALLOWED.len());
}
