//! What a person sees while something runs: on standard error, bars where it is a terminal, lines where it is not.

use std::time::{Duration, Instant};

use bitsweep_coordinator::{KindStanding, Observer, Standing};
use bitsweep_proto::job::Kind;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::print;

/// Seconds between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Lines and one bar for sources that are fetched.
#[derive(Default)]
pub(crate) struct SourceLines {
    bar: Option<(String, ProgressBar)>,
}

impl bitsweep_sources::Report for SourceLines {
    fn line(&mut self, message: &str) {
        self.clear();
        eprintln!("{message}");
    }

    fn warning(&mut self, message: &str) {
        self.clear();
        eprintln!("warning: {message}");
    }

    fn progress(&mut self, name: &str, bytes: u64, total_bytes: Option<u64>) {
        if self.bar.as_ref().is_none_or(|(current, _)| current != name) {
            self.clear();
            let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}");
            let bar = ProgressBar::new(total_bytes.unwrap_or(0)).with_message(name.to_owned());
            bar.set_style(style.expect("the template is valid"));
            self.bar = Some((name.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_position(bytes);
        }
    }
}

impl SourceLines {
    fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for SourceLines {
    fn drop(&mut self) {
        self.clear();
    }
}

/// One bar per job kind.
pub(crate) struct RunBars {
    bars: Vec<(Kind, ProgressBar)>,
    terminal: Option<MultiProgress>,
    quiet: bool,
    started: Instant,
    last_line: Option<Instant>,
}

impl RunBars {
    /// Bars on a terminal, lines elsewhere, nothing if `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let terminal = (!quiet && !screen.is_hidden()).then_some(screen);
        Self { bars: Vec::new(), terminal, quiet, started: Instant::now(), last_line: None }
    }

    fn draw(&mut self, standing: &Standing) {
        let Some(screen) = &self.terminal else { return };
        if self.bars.is_empty() {
            let style = ProgressStyle::with_template("{prefix:10} {bar:36} {pos:>6}/{len} {elapsed:>4} {msg}")
                .expect("the template is valid");
            for kind in Kind::ALL {
                let bar = screen.add(ProgressBar::new(0)).with_style(style.clone()).with_prefix(kind.name());
                self.bars.push((kind, bar));
            }
        }
        for (kind, bar) in &self.bars {
            let count = standing.kinds.get(kind).copied().unwrap_or_default();
            bar.set_length(count.total);
            bar.set_position(count.done);
            let running = if count.running == 0 { String::new() } else { format!("{} running", count.running) };
            let rows = if count.units_total == 0 {
                String::new()
            } else {
                format!(", {}/{} rows", count.units_done, count.units_total)
            };
            let failed = if count.failed == 0 { String::new() } else { format!(", {} failed", count.failed) };
            bar.set_message(format!("{running}{rows}{failed}"));
        }
    }

    fn line(&mut self, standing: &Standing) {
        let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if self.quiet || self.terminal.is_some() || !due {
            return;
        }
        self.last_line = Some(Instant::now());
        let part = |(kind, count): (&Kind, &KindStanding)| {
            let rows = if count.units_total == 0 {
                String::new()
            } else {
                format!(" ({}/{} rows)", count.units_done, count.units_total)
            };
            format!("{} {}/{}{rows}", kind.name(), count.done, count.total)
        };
        let parts: Vec<String> = standing.kinds.iter().map(part).collect();
        eprintln!("[{}] {}", print::seconds(self.started.elapsed().as_secs_f64()), parts.join(", "));
    }
}

impl Observer for RunBars {
    fn standing(&mut self, standing: &Standing) {
        self.draw(standing);
        self.line(standing);
    }

    fn note(&mut self, message: &str) {
        match &self.terminal {
            Some(screen) => {
                let _ = screen.println(message);
            }
            None => eprintln!("{message}"),
        }
    }
}

impl Drop for RunBars {
    fn drop(&mut self) {
        for (_, bar) in &self.bars {
            bar.abandon();
        }
    }
}
