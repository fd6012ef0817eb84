//! `scripts/worker-on-a-vm` installs a tarball and a service, here below a folder of the test and without systemd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A tarball as `scripts/dist` makes it, whose program only says its version.
fn tarball(folder: &Path) -> PathBuf {
    let stage = folder.join("bitsweep-9.9.9-x86_64-linux");
    fs::create_dir_all(stage.join("bin")).expect("a folder");
    let program = stage.join("bin/bitsweep");
    fs::write(&program, "#!/bin/sh\necho bitsweep 9.9.9\n").expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let tarball = folder.join("t.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(folder).arg("-czf").arg(&tarball).arg("bitsweep-9.9.9-x86_64-linux");
    assert!(tar.status().expect("tar is installed").success());
    tarball
}

fn install(folder: &Path, args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/worker-on-a-vm");
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BITSWEEP_") {
            command.env_remove(name);
        }
    }
    command
        .arg(script)
        .args(args)
        .env("BITSWEEP_INSTALL_ROOT", folder.join("root"))
        .output()
        .expect("bash is installed")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SERVICES: [&str; 6] =
    ["--queue", "amqp://u:a\"b$c%d\\@q", "--ledger", "redis://l", "--store", "s3://bucket/sweeps"];

#[test]
fn a_service_is_installed_and_its_secrets_are_roots_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let tarball = tarball(folder.path()).display().to_string();
    let mut args = vec!["--tarball", &tarball, "--notices", "gcp", "--env", "AWS_REGION=eu-central-1"];
    args.extend(SERVICES);
    args.extend(["--", "--class", "gpu", "--stop-after", "11h"]);
    for again in [false, true] {
        let output = install(folder.path(), &args);
        assert!(output.status.success(), "again: {again}\n{}", errors(&output));
        assert!(!errors(&output).contains("a\"b"), "no secret is told: {}", errors(&output));
    }
    let root = folder.path().join("root");
    let settings = root.join("etc/bitsweep/worker.env");
    assert_eq!(fs::metadata(&settings).expect("a file").permissions().mode() & 0o777, 0o600);
    let settings = fs::read_to_string(settings).expect("a file");
    for line in [
        "BITSWEEP_QUEUE=\"amqp://u:a\\\"b\\$c%d\\\\@q\"",
        "BITSWEEP_NOTICES=\"gcp\"",
        "AWS_REGION=\"eu-central-1\"",
        "BITSWEEP_CACHE_DIR=\"/var/lib/bitsweep/blobs\"",
    ] {
        assert!(settings.lines().any(|found| found == line), "{line}\n{settings}");
    }
    let unit = fs::read_to_string(root.join("etc/systemd/system/bitsweep-worker.service")).expect("a file");
    assert!(!unit.contains("amqp"), "{unit}");
    let start = "ExecStart=/opt/bitsweep/current/bin/bitsweep worker \"--class\" \"gpu\" \"--stop-after\" \"11h\"";
    assert!(unit.lines().any(|line| line == start), "{unit}");
    for line in ["KillMode=mixed", "SuccessExitStatus=75", "RestartPreventExitStatus=2", "User=bitsweep"] {
        assert!(unit.lines().any(|found| found == line), "{line}\n{unit}");
    }
    assert!(root.join("opt/bitsweep/current/bin/bitsweep").is_file(), "the link leads to the program");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let tarball = tarball(folder.path()).display().to_string();
    let with = |more: &[&str]| {
        let mut args = vec!["--tarball", tarball.as_str(), "--notices", "none"];
        args.extend(SERVICES);
        args.extend(more);
        install(folder.path(), &args)
    };
    for (output, words) in [
        (install(folder.path(), &["--tarball", &tarball]), "BITSWEEP_QUEUE is missing"),
        (install(folder.path(), &SERVICES), "--tarball is missing"),
        (with(&["--notices", "oracle"]), "aws, gcp, azure or none"),
        (with(&["--sha256", &"0".repeat(64)]), "not the one that --sha256 names"),
        (with(&["--env", "nonsense"]), "--env wants NAME=VALUE"),
        (with(&["--env", "A B=c"]), "not the name of a variable"),
    ] {
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains(words), "{words}: {}", errors(&output));
    }
    assert!(!folder.path().join("root/etc").exists());
}
