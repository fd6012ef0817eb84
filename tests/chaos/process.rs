//! A process of ours, which may be dead, and the small disk that it may have.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant, SystemTime};

/// Room for the copies and files of one worker.
const DISK: &str = "96m";

/// Gives a program a disk of its own at `$0`: nobody else sees it, and it goes with the program.
const WITH_DISK: &str = r#"mount -t tmpfs -o size="$DISK" tmpfs "$0" && exec "$@""#;

/// A process that is started again whenever it ends.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    /// Where its own small disk is, if it has one.
    pub(crate) disk: Option<PathBuf>,
    pub(crate) child: Option<Child>,
    pub(crate) lives: Vec<Life>,
    died: Instant,
}

/// From a start to the next.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    pub(crate) process: u32,
    pub(crate) began: SystemTime,
}

impl Process {
    pub(crate) fn new(name: String, arguments: Vec<String>, disk: Option<PathBuf>) -> Self {
        Self { name, arguments, disk, child: None, lives: Vec::new(), died: Instant::now() }
    }

    /// Its log in this life.
    pub(crate) fn log(&self) -> String {
        format!("{}-{}.log", self.name, self.lives.len())
    }

    /// Starts it; `command` runs a `bitsweep` with its arguments.
    pub(crate) fn start(&mut self, command: &Command, log: impl FnOnce(&str) -> File) {
        let mut started = Command::new(command.get_program());
        if let Some(disk) = &self.disk {
            fs::create_dir_all(disk).unwrap();
            started = Command::new("unshare");
            started.args(["--user", "--map-root-user", "--mount", "sh", "-c", WITH_DISK]);
            started.arg(disk).arg(command.get_program()).env("DISK", DISK);
        }
        started.args(command.get_args());
        started.current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => started.env(name, value),
                None => started.env_remove(name),
            };
        }
        let began = SystemTime::now();
        let child = {
            let log = log(&format!("{}-{}.log", self.name, self.lives.len() + 1));
            started.stdin(std::process::Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
        };
        self.lives.push(Life { process: child.id(), began });
        self.child = Some(child);
    }

    /// Notices that it has ended.
    pub(crate) fn look(&mut self) {
        if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
            (self.child, self.died) = (None, Instant::now());
        }
    }

    /// Whether it has been dead for so long.
    pub(crate) fn is_dead(&self, since: Duration) -> bool {
        self.child.is_none() && self.died.elapsed() >= since
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(crate) fn signal(&self, name: &str) {
        if let Some(id) = self.id() {
            signal(id, name);
        }
    }

    /// Its children: the processes that run jobs.
    pub(crate) fn children(&self) -> Vec<u32> {
        let Some(id) = self.id() else { return Vec::new() };
        let found = Command::new("pgrep").args(["-P", &id.to_string()]).output().unwrap();
        crate::support::text(&found.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// Fills its disk to the last byte; gives the file that does.
    pub(crate) fn fill_disk(&self) -> Option<PathBuf> {
        let (disk, id) = (self.disk.as_ref()?, self.id()?);
        let seen = Path::new("/proc").join(id.to_string()).join("root").join(disk.strip_prefix("/").ok()?);
        // Before it is mounted, that is the machine's.
        if fs::metadata(&seen).ok()?.dev() == fs::metadata(disk).ok()?.dev() {
            return None;
        }
        let filler = seen.join("filler");
        let mut file = File::create(&filler).ok()?;
        for piece in [1 << 20, 1 << 12, 1] {
            let piece = vec![0; piece];
            while file.write_all(&piece).is_ok() {}
        }
        Some(filler)
    }
}

pub(crate) fn signal(process: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
}
