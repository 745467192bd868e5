//! What is being done and what is left, on stderr: bars on a terminal, a plain line every few seconds elsewhere.

mod drain;
mod pace;

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use self::pace::{Left, Pace};
use crate::report::text::{inert, inert_lines};
use crate::run::event::{Events, RunEvent};
use crate::units::{Bytes, Count, Milliseconds};

/// Off a terminal: how long to stay silent between two lines of progress.
const SILENCE: Duration = Duration::from_secs(5);

/// Makes the listener for a command.
#[must_use]
pub fn listener(quiet: bool) -> Events {
    if quiet {
        return Events::new(|event| {
            if let RunEvent::VariantFinished {
                error: Some(error), ..
            }
            | RunEvent::DrainFinished {
                error: Some(error), ..
            } = event
            {
                tell(&format!("failed: {error}"));
            }
        });
    }
    let progress = Mutex::new(Progress::new(std::io::stderr().is_terminal()));
    Events::new(move |event| {
        progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hear(&event)
    })
}

/// A text on stderr, names in it made inert. If nobody reads it any more, the work goes on all the same.
pub fn tell(text: &str) {
    let lines = inert_lines(text).join("\n");
    let _ = writeln!(std::io::stderr(), "{lines}");
}

struct Progress {
    /// The bar of what is going on, on a terminal.
    bar: Option<ProgressBar>,
    terminal: bool,
    /// When the last plain line was written.
    spoke: Instant,
    /// Variants through, and to come.
    pace: Pace,
    /// When the first variant was begun, or the last one was through.
    since: Option<Instant>,
    /// What is said of the variant that is going on.
    variant: Option<String>,
    /// The drain that is going on: where, with what.
    drain: String,
}

impl Progress {
    fn new(terminal: bool) -> Progress {
        Progress {
            bar: None,
            terminal,
            spoke: Instant::now(),
            pace: Pace::default(),
            since: None,
            variant: None,
            drain: String::new(),
        }
    }

    fn hear(&mut self, event: &RunEvent) {
        match event {
            RunEvent::ServerBusy { .. }
            | RunEvent::ServerCreating { .. }
            | RunEvent::ServerReady { .. }
            | RunEvent::ServerFound { .. }
            | RunEvent::Notice { .. }
            | RunEvent::Reaped { .. }
            | RunEvent::PackagesBusy { .. }
            | RunEvent::PackageFetching { .. }
            | RunEvent::PackageDownloading { .. }
            | RunEvent::PackageUnpacking { .. }
            | RunEvent::PackageFailed { .. } => self.hear_of_servers(event),
            RunEvent::StepProgress { step, done, total } => self.step(step, *done, *total),
            RunEvent::VariantsPlanned { fixtures } => self.pace.plan(fixtures),
            RunEvent::FixtureProgress { .. } | RunEvent::FixtureReady { .. } => {
                self.hear_of_fixtures(event);
            }
            RunEvent::VariantStarted {
                stage,
                queue,
                fixture,
                variant,
            } => {
                self.since.get_or_insert_with(Instant::now);
                let left = self.pace.left().map_or(String::new(), words);
                self.variant = Some(format!("{stage} {fixture}, {queue}: {variant}{left}"));
                self.show_variant();
            }
            RunEvent::DrainStarted { .. }
            | RunEvent::DrainProgress { .. }
            | RunEvent::RestProgress { .. }
            | RunEvent::DrainFinished { .. } => self.hear_of_drains(event),
            RunEvent::VariantFinished { fixture, error } => {
                let since = self.since.replace(Instant::now());
                let took = since.map_or(Duration::ZERO, |since| since.elapsed());
                self.pace.finish(fixture, took);
                self.variant = None;
                if let Some(error) = error {
                    self.say(&format!("failed: {error}"));
                }
                if self.pace.done() == self.pace.total() {
                    self.clear();
                }
            }
        }
    }

    /// The variant that is going on, if one is.
    fn show_variant(&mut self) {
        if let Some(variant) = self.variant.clone() {
            let (done, total) = (self.pace.done() as u64, self.pace.total() as u64);
            self.show(&variant, done, total);
        }
    }

    /// Servers being fetched, made and started.
    fn hear_of_servers(&mut self, event: &RunEvent) {
        match event {
            RunEvent::ServerBusy { holder } => {
                self.say(&format!("waiting for {holder}, which is using the server"))
            }
            RunEvent::ServerCreating { version } => {
                self.say(&format!("creating a PostgreSQL {version} cluster"))
            }
            RunEvent::ServerReady { version, bin_dir } => {
                self.say(&format!("PostgreSQL {version} from {bin_dir}"))
            }
            RunEvent::ServerFound { version, server } => {
                self.say(&format!("PostgreSQL {version} at {server}"))
            }
            RunEvent::Notice { text } => self.say(text),
            RunEvent::Reaped { what } => self.say(&format!("removed {what}")),
            RunEvent::PackagesBusy { holder } => self.say(&format!(
                "waiting for {holder}, which is fetching or removing servers"
            )),
            RunEvent::PackageFetching {
                version,
                package,
                directory,
                because,
            } => {
                let because = because
                    .as_ref()
                    .map_or(String::new(), |because| format!("{because}: "));
                self.say(&format!(
                    "{because}fetching PostgreSQL {version} ({package}) into {directory}"
                ));
            }
            RunEvent::PackageDownloading { version } => {
                self.show(&format!("fetching PostgreSQL {version}"), 0, 0);
            }
            RunEvent::PackageUnpacking { version, bytes } => {
                self.clear();
                self.say(&format!(
                    "unpacking PostgreSQL {version}: {}",
                    Bytes(*bytes)
                ));
            }
            RunEvent::PackageFailed { reason } => {
                self.clear();
                self.say(reason);
            }
            _ => {}
        }
    }

    /// Fixtures being built.
    fn hear_of_fixtures(&mut self, event: &RunEvent) {
        match event {
            RunEvent::FixtureProgress {
                queue,
                fixture,
                stage,
                done,
                total,
            } => {
                self.show(
                    &format!("building {fixture} for {queue}: {stage}"),
                    *done,
                    *total,
                );
            }
            RunEvent::FixtureReady {
                queue,
                fixture,
                jobs,
                cached,
                elapsed_ms,
            } => {
                self.clear();
                if !cached {
                    self.say(&format!(
                        "built {fixture} for {queue}: {} jobs in {}",
                        Count(*jobs),
                        Milliseconds(*elapsed_ms)
                    ));
                }
            }
            _ => {}
        }
    }

    /// Queues being drained: one line that is renewed, and one that stays for each that is through.
    fn hear_of_drains(&mut self, event: &RunEvent) {
        match event {
            RunEvent::DrainStarted { jobs, .. } => {
                self.drain = drain::title(event);
                self.show(&self.drain.clone(), 0, *jobs);
            }
            RunEvent::DrainProgress {
                completed, jobs, ..
            } => {
                let figures = drain::figures(event);
                if !self.terminal {
                    let message = format!("{}: {figures}", self.drain);
                    self.show(&message, *completed, *jobs);
                    return;
                }
                // What changes comes first, and the bar is short: a narrow terminal cuts the end.
                self.show(&format!("{figures} · {}", self.drain), *completed, *jobs);
                if let Some(bar) = &self.bar {
                    bar.set_style(of_template("{spinner} {bar:12} {wide_msg}"));
                }
            }
            RunEvent::RestProgress { found } => {
                let found = Count(*found);
                let message = format!("draining what is left, unmeasured: {found} found");
                self.show(&message, 0, 0);
            }
            RunEvent::DrainFinished { .. } => {
                self.clear();
                self.say(&format!("{}: {}", self.drain, drain::outcome(event)));
            }
            _ => {}
        }
    }

    /// A line that stays.
    fn say(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(line)),
            None => tell(line),
        }
        self.spoke = Instant::now();
    }

    /// A step that has done all of its parts is over, and so is its line; the variant that it is part of goes on.
    fn step(&mut self, step: &str, done: u64, total: u64) {
        if total > 0 && done == total {
            self.clear();
            if self.terminal {
                self.show_variant();
            }
        } else {
            self.show(step, done, total);
        }
    }

    /// A line that is replaced by the next one.
    fn show(&mut self, message: &str, done: u64, total: u64) {
        if !self.terminal {
            if self.spoke.elapsed() >= SILENCE {
                let share = if total > 0 {
                    format!(" ({} of {})", Count(done), Count(total))
                } else {
                    String::new()
                };
                self.say(&format!("{message}{share}"));
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(0);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_style(style(total > 0));
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(inert(message));
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    /// What is told after the work, an error for one, follows no bar.
    fn drop(&mut self) {
        self.clear();
    }
}

/// How much is left, behind what is going on.
fn words(left: Left) -> String {
    let seconds = |left: Duration| Duration::from_secs(left.as_secs_f64().ceil() as u64);
    match left {
        Left::All(left) => format!(", about {:?} left", seconds(left)),
        Left::OfItsKind(left) => {
            format!(", about {:?} left on fixtures like this", seconds(left))
        }
    }
}

fn style(counted: bool) -> ProgressStyle {
    of_template(if counted {
        "{spinner} {bar:24} {human_pos}/{human_len} {wide_msg}"
    } else {
        "{spinner} {wide_msg}"
    })
}

fn of_template(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
