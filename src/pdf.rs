//! A report as PDF: the one-file page as an installed Chromium or Chrome prints it.
//!
//! The layout is the page's own (`report/templates/print.css`). A browser writes the time and names of its own into the file: of all
//! outputs this one alone is not the same byte for byte.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reqwest::Url;
use rustix::fs::{Access, access};
use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time;

use crate::ending;
use crate::exit::{Exit, Failure};

/// Names that browsers have, in the order in which they are looked for.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Names another one: a path, or a name on the `PATH`.
const VARIABLE: &str = "BITSWEEP_BROWSER";
/// A page of many plots takes seconds; a browser that hangs is ended.
const LIMIT: Duration = Duration::from_secs(120);
/// Tries to remove what the browser wrote, and the pause after each: its helpers take a moment to be gone.
const REMOVALS: (u32, Duration) = (100, Duration::from_millis(20));
/// Letters of what the browser said that are shown.
const SHOWN: usize = 400;
/// The file that takes what the browser says.
const SAID: &str = "said.txt";
/// How every PDF begins.
const MAGIC: &[u8] = b"%PDF";

/// Whether that is the name of a PDF.
pub(crate) fn is_pdf(path: &Path) -> bool {
    ending::is_one_of(path, &["pdf"])
}

/// The browser that prints.
pub(crate) fn browser() -> Result<PathBuf, Failure> {
    chosen(env::var_os(VARIABLE).filter(|said| !said.is_empty()), env::var_os("PATH"))
}

fn chosen(said: Option<OsString>, path: Option<OsString>) -> Result<PathBuf, Failure> {
    let path = path.unwrap_or_default();
    if let Some(said) = said {
        return found(&said, &path).ok_or_else(|| {
            Failure::wrong(format!(
                "{VARIABLE} is \"{}\", which is no file that may be executed: set it to the program of Chromium or Chrome, or write \
                 --out report.html and print that from any browser",
                said.display()
            ))
        });
    }
    NAMES.iter().find_map(|name| found(OsStr::new(name), &path)).ok_or_else(|| {
        Failure::wrong(format!(
            "a PDF is printed by Chromium or Chrome, and none of {} is on the PATH: install one (Debian, Ubuntu: apt install \
             chromium), set {VARIABLE} to its program, or write --out report.html and print that from any browser",
            NAMES.join(", ")
        ))
    })
}

/// A program by its path, or by its name on a search path.
fn found(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    if Path::new(name).components().count() > 1 {
        return Some(PathBuf::from(name)).filter(|program| is_program(program));
    }
    env::split_paths(path).map(|folder| folder.join(name)).find(|program| is_program(program))
}

/// Whether it is a file that may be executed here.
fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Prints a page to `out`.
pub(crate) async fn print(html: &str, out: &Path) -> Result<(), Failure> {
    print_by((&browser()?, LIMIT), html, out).await
}

/// The same by this browser, which is ended after `limit`.
async fn print_by((browser, limit): (&Path, Duration), html: &str, out: &Path) -> Result<(), Failure> {
    // Beside the result: moving it there is one step, and a browser in a sandbox of its package sees no hidden folder and no /tmp.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = tempfile::Builder::new().prefix("bitsweep-pdf-").tempdir_in(folder)?;
    let place = scratch.path().canonicalize()?;
    fs::write(place.join("report.html"), unfolded(html))?;
    let pdf = place.join("report.pdf");
    let ended = run((browser, limit), &place).await.and_then(|status| {
        let printed = fs::read(&pdf).is_ok_and(|bytes| bytes.starts_with(MAGIC));
        let said = fs::read(place.join(SAID)).unwrap_or_default();
        let well = status.success() && printed;
        if well { Ok(()) } else { Err(Ended::Wrong(format!("{status}: {}", last_words(&said)))) }
    });
    let printed = match ended {
        Ok(()) => {
            fs::rename(&pdf, out).map_err(|error| Failure::wrong(format!("failed to write {}: {error}", out.display())))
        }
        Err(Ended::Interrupted) => {
            Err(Failure { exit: Exit::Interrupted, message: "interrupted: no PDF was written".to_owned() })
        }
        Err(Ended::Wrong(what)) => Err(Failure::wrong(format!(
            "{} printed no PDF: {what}; set {VARIABLE} to another browser, or write --out report.html and print that",
            browser.display()
        ))),
    };
    remove(&place).await;
    printed
}

/// Removes a folder that a process which is just ending may still write to.
async fn remove(folder: &Path) {
    let (tries, pause) = REMOVALS;
    for _ in 0..tries {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        time::sleep(pause).await;
    }
}

/// Why a browser did not come to its end.
enum Ended {
    /// Whoever started this does not want it any more.
    Interrupted,
    /// What went wrong, in words.
    Wrong(String),
}

/// Lets a browser print `report.html` of the folder `place` as `report.pdf`, and ends all that it started.
async fn run((browser, limit): (&Path, Duration), place: &Path) -> Result<ExitStatus, Ended> {
    let unusable = |error: io::Error| Ended::Wrong(error.to_string());
    // Before it starts: in a group of its own it gets none of the signals that end this program.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unusable)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unusable)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(unusable)?;
    let mut browser = Browser::start(&mut command(browser, place)?)?;
    tokio::select! {
        ended = browser.process.wait() => ended.map_err(unusable),
        () = time::sleep(limit) => Err(Ended::Wrong(format!("it took longer than {} seconds", limit.as_secs()))),
        _ = interrupt.recv() => Err(Ended::Interrupted),
        _ = terminate.recv() => Err(Ended::Interrupted),
        _ = hangup.recv() => Err(Ended::Interrupted),
    }
}

/// How a browser is told to print.
fn command(browser: &Path, place: &Path) -> Result<Command, Ended> {
    let page = Url::from_file_path(place.join("report.html"));
    let page = page.map_err(|()| Ended::Wrong("the page's folder is no absolute path".to_owned()))?;
    // A file: helpers that outlive the browser would hold a pipe open.
    let said = File::create(place.join(SAID)).map_err(|error| Ended::Wrong(error.to_string()))?;
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-pdf-header-footer",
    ]);
    if geteuid().is_root() {
        // Its sandbox refuses to run as root.
        command.arg("--no-sandbox");
    }
    command
        .arg(joined("--user-data-dir=", &place.join("profile")))
        .arg(joined("--print-to-pdf=", &place.join("report.pdf")))
        .arg(page.as_str());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
    Ok(command)
}

/// A browser with its helpers, a group of processes. What is left of it is killed when this is dropped.
struct Browser {
    process: Child,
    group: Option<Pid>,
}

impl Browser {
    fn start(command: &mut Command) -> Result<Self, Ended> {
        let process = command.process_group(0).kill_on_drop(true).spawn();
        let process = process.map_err(|error| Ended::Wrong(format!("it does not start: {error}")))?;
        let group = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { process, group })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // An error: none is left, as it should be.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The page with everything that folds open: on paper nobody can. All texts of a page are escaped, so that no other text looks
/// like this.
fn unfolded(html: &str) -> String {
    html.replace("<details>", "<details open>")
}

/// An option with a path, which need not be text.
fn joined(option: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(option);
    joined.push(path);
    joined
}

/// The end of what a program said.
fn last_words(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let said = said.trim();
    let from = said.char_indices().rev().nth(SHOWN - 1).map_or(0, |(at, _)| at);
    if said.is_empty() { "it said nothing".to_owned() } else { said[from..].to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    /// A browser that starts a helper with its own standard error, and goes on as `then` says.
    fn browser_that(then: &str, folder: &Path) -> PathBuf {
        let program = folder.join("chrome");
        let script = format!(
            "#!/bin/sh\nfor option; do case \"$option\" in --print-to-pdf=*) pdf=\"${{option#*=}}\" ;; esac; done\n\
             sleep 600 &\necho $! > \"$0.helper\"\necho a word >&2\n{then}\n"
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        program
    }

    /// Whether a process runs. One that ended and that nobody has asked for yet does not.
    fn runs(pid: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    #[tokio::test]
    async fn nothing_of_a_browser_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (out, helper) = (folder.path().join("report.pdf"), folder.path().join("chrome.helper"));
        for (then, limit, wrong) in [
            ("printf '%%PDF-1.4' > \"$pdf\"", 100, None),
            ("exit 3", 100, Some("printed no PDF: exit status: 3: a word; set BITSWEEP_BROWSER")),
            ("exit 0", 100, Some("printed no PDF: exit status: 0: a word")),
            ("sleep 600", 1, Some("printed no PDF: it took longer than 1 seconds")),
        ] {
            let browser = browser_that(then, folder.path());
            let printed = print_by((&browser, Duration::from_secs(limit)), "<p>", &out).await;
            match wrong {
                None => {
                    printed.unwrap();
                    assert_eq!(fs::read(&out).unwrap(), b"%PDF-1.4");
                    fs::remove_file(&out).unwrap();
                }
                Some(wrong) => {
                    let failure = printed.unwrap_err();
                    assert!(failure.message.contains(wrong), "{}", failure.message);
                    assert!(!out.exists());
                }
            }
            let deadline = Instant::now() + Duration::from_secs(10);
            while runs(fs::read_to_string(&helper).unwrap().trim()) {
                assert!(Instant::now() < deadline, "{then}: the helper outlives its browser");
                time::sleep(Duration::from_millis(1)).await;
            }
            fs::remove_file(&helper).unwrap();
            fs::remove_file(&browser).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{then}: the scratch folder is removed");
        }
    }

    #[test]
    fn the_variable_comes_first_and_must_lead_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("google-chrome");
        fs::write(&program, "").unwrap();
        // One that may not be executed is passed over.
        fs::write(folder.path().join("chromium"), "").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let path = Some(folder.path().as_os_str().to_owned());
        assert_eq!(chosen(None, path.clone()).unwrap(), program);
        assert_eq!(chosen(Some("google-chrome".into()), path.clone()).unwrap(), program);
        assert_eq!(chosen(Some(program.clone().into()), None).unwrap(), program);
        let failure = chosen(Some("/nowhere/chrome".into()), path).unwrap_err();
        assert!(failure.message.contains("BITSWEEP_BROWSER is \"/nowhere/chrome\""), "{}", failure.message);
        let failure = chosen(Some("chromium".into()), Some(folder.path().as_os_str().to_owned())).unwrap_err();
        assert!(failure.message.contains("no file that may be executed"), "{}", failure.message);
        let failure = chosen(None, Some("/nowhere".into())).unwrap_err();
        assert!(failure.message.contains("apt install chromium"), "{}", failure.message);
    }

    #[test]
    fn everything_is_unfolded() {
        let page = "<details><summary>a</summary></details><details open>b</details>";
        assert_eq!(unfolded(page).matches("<details open>").count(), 2);
        assert!(is_pdf(Path::new("a/report.pdf")) && !is_pdf(Path::new("report.html")) && !is_pdf(Path::new("pdf")));
    }

    #[test]
    fn the_end_of_what_was_said_is_shown() {
        assert_eq!(last_words(b" \n"), "it said nothing");
        assert_eq!(last_words("ä".repeat(1000).as_bytes()).chars().count(), SHOWN);
        assert_eq!(last_words(b"no display\n"), "no display");
    }
}
