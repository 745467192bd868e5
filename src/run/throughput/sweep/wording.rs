//! The recommendation of a sweep, sentence by sentence.

use super::{AS_GOOD, ScalabilityFit, SweptCell, middle, recommended};
use crate::units::{Count, Significant, counted};

/// With fewer repeats nothing is said about how far they waver.
const ENOUGH_REPEATS: usize = 3;

/// A law that explains less is not worth a sentence about its peak.
const GOOD_FIT: f64 = 0.9;

/// What there is to be said something about.
pub(super) struct Found<'f> {
    /// The cells, by workers and batch size.
    pub(super) swept: &'f [SweptCell],
    /// The laws.
    pub(super) fits: &'f [ScalabilityFit],
    /// Why there is no law for a batch size, as sentences.
    pub(super) reasons: &'f [String],
    /// Runs that are in no cell.
    pub(super) left_out: usize,
}

/// What to take, then what to know about it.
pub(super) fn recommendation(found: &Found<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    match recommended(found.swept) {
        Some((taken, best)) => {
            sentences.push(choice(found.swept, taken, best));
            sentences.extend(larger_batches(found.swept, taken));
            sentences.extend(limited_by_generator(found.swept, taken, best));
            sentences.extend(certainty(taken, best));
            let fit = found
                .fits
                .iter()
                .find(|fit| fit.batch_size == taken.batch_size);
            sentences.extend(fit.map(|fit| law(fit, found.swept)));
        }
        None => sentences.push("no run came to its end: there is nothing to recommend".to_owned()),
    }
    sentences.extend_from_slice(found.reasons);
    if found.left_out > 0 && !found.swept.is_empty() {
        sentences.push(format!(
            "{} did not come to an end or completed nothing, and {} left out",
            counted(found.left_out, "run"),
            if found.left_out == 1 { "is" } else { "are" }
        ));
    }
    sentences
}

fn choice(swept: &[SweptCell], taken: &SweptCell, best: &SweptCell) -> String {
    let verb = if taken.workers == 1 {
        "reaches"
    } else {
        "reach"
    };
    let reached = format!("{} {verb} {}", name(taken), rate(middle(taken)));
    let share = if std::ptr::eq(taken, best) {
        "the most that was seen".to_owned()
    } else {
        format!(
            "{} of the most that was seen ({} with {})",
            percent(middle(taken) / middle(best)),
            rate(middle(best)),
            name(best)
        )
    };
    format!("{reached}, {share}; {}", more_workers(swept, taken))
}

/// What more workers do with the same batches.
fn more_workers(swept: &[SweptCell], taken: &SweptCell) -> String {
    let column = || {
        swept
            .iter()
            .filter(|cell| cell.batch_size == taken.batch_size)
    };
    let more: Vec<&SweptCell> = column()
        .filter(|cell| cell.workers > taken.workers)
        .collect();
    let Some(last) = more.last() else {
        let fewer = column().rfind(|cell| cell.workers < taken.workers);
        return match fewer {
            Some(fewer) if middle(taken) > (1.0 + AS_GOOD) * middle(fewer) => format!(
                "more workers were not tried, and throughput still grew by {} from {}: more may reach more",
                percent(middle(taken) / middle(fewer) - 1.0),
                Count(fewer.workers)
            ),
            _ => "more workers were not tried".to_owned(),
        };
    };
    match top_before_fall(taken, &more) {
        Some(top) => format!(
            "throughput falls beyond {}, to {} with {}",
            Count(top.workers),
            rate(middle(last)),
            Count(last.workers)
        ),
        None => format!("more workers {}", little_more()),
    }
}

/// The best of a cell and those beyond it, where throughput falls from there to the last of them.
fn top_before_fall<'s>(taken: &'s SweptCell, beyond: &[&'s SweptCell]) -> Option<&'s SweptCell> {
    let all = beyond.iter().copied().chain([taken]);
    let top = all.max_by(|one, other| middle(one).total_cmp(&middle(other)))?;
    let last = beyond.last()?;
    (middle(last) < (1.0 - AS_GOOD) * middle(top)).then_some(top)
}

/// What may be left beyond a cell that is as good as the best.
fn little_more() -> String {
    format!("add at most {} of the most that was seen", percent(AS_GOOD))
}

/// What smaller and larger batches do with the same workers.
fn larger_batches(swept: &[SweptCell], taken: &SweptCell) -> Option<String> {
    let row = || swept.iter().filter(|cell| cell.workers == taken.workers);
    let smallest = row().find(|cell| cell.batch_size < taken.batch_size);
    let larger: Vec<&SweptCell> = row()
        .filter(|cell| cell.batch_size > taken.batch_size)
        .collect();
    let larger = larger
        .last()
        .map(|last| match top_before_fall(taken, &larger) {
            Some(_) => format!(
                "throughput falls with larger batches, to {} with batches of {}",
                rate(middle(last)),
                Count(last.batch_size)
            ),
            None => format!("larger batches {}", little_more()),
        });
    let smallest = smallest.map(|cell| {
        format!(
            "batches of {} reach {} of that",
            Count(cell.batch_size),
            percent(middle(cell) / middle(taken))
        )
    });
    match (smallest, larger) {
        (Some(smallest), Some(larger)) => {
            Some(format!("with as many workers, {smallest}, and {larger}"))
        }
        (one, other) => one
            .or(other)
            .map(|part| format!("with as many workers, {part}")),
    }
}

fn limited_by_generator(
    swept: &[SweptCell],
    taken: &SweptCell,
    best: &SweptCell,
) -> Option<String> {
    let limited: Vec<&SweptCell> = swept
        .iter()
        .filter(|cell| cell.generator_is_limit)
        .collect();
    if taken.generator_is_limit || best.generator_is_limit {
        let which = if taken.generator_is_limit {
            taken
        } else {
            best
        };
        return Some(format!(
            "with {} this program, not the server, was the limit: the server may reach more than is told here, with this program on another machine",
            name(which)
        ));
    }
    (!limited.is_empty()).then(|| {
        let names: Vec<String> = limited.iter().map(|cell| name(cell)).collect();
        format!(
            "this program, not the server, was the limit with {}",
            names.join(", ")
        )
    })
}

/// How far the repeats of the cells that decide lie apart.
fn certainty(taken: &SweptCell, best: &SweptCell) -> Option<String> {
    let repeats = taken.throughput.len().min(best.throughput.len());
    if repeats < ENOUGH_REPEATS {
        return Some(format!(
            "{} of each cannot tell how much of this is chance: --repeat {ENOUGH_REPEATS} or more can",
            counted(repeats, "run")
        ));
    }
    let apart = |cell: &SweptCell| {
        let greatest = cell.throughput.iter().copied().fold(f64::MIN, f64::max);
        let least = cell.throughput.iter().copied().fold(f64::MAX, f64::min);
        (greatest - least) / middle(cell)
    };
    let widest = if apart(taken) > apart(best) {
        taken
    } else {
        best
    };
    (apart(widest) > 2.0 * AS_GOOD).then(|| {
        format!(
            "the runs of {} lie {} apart: too far to tell cells apart that differ by {}; more repeats, or longer ones, would tell",
            name(widest),
            percent(apart(widest)),
            percent(AS_GOOD)
        )
    })
}

/// What the law says, and whether it is worth hearing.
fn law(fit: &ScalabilityFit, swept: &[SweptCell]) -> String {
    let explained = percent(fit.r_squared.max(0.0));
    if fit.r_squared < GOOD_FIT {
        return format!(
            "the scalability law explains {explained} of the differences only: no peak is read out of it"
        );
    }
    let tried = swept.iter().map(|cell| cell.workers).max().unwrap_or(0) as f64;
    let peak = fit.peak_workers.zip(fit.peak_throughput);
    let text = match peak.filter(|(workers, _)| *workers <= tried) {
        Some((workers, throughput)) => format!(
            "the scalability law, which explains {explained} of the differences, has its peak at {} workers with {}",
            Significant(workers),
            rate(throughput)
        ),
        None => format!(
            "the scalability law, which explains {explained} of the differences, has no peak within the workers that were tried"
        ),
    };
    // Without a cost of keeping in step nothing ever falls.
    let may_fall = peak.is_some_and(|(workers, _)| workers <= tried) && fit.kappa.low <= 0.0;
    if may_fall && fit.sigma.low <= 1.0 {
        format!("{text}; by its interval there may be none")
    } else {
        text
    }
}

fn name(cell: &SweptCell) -> String {
    let workers = counted(cell.workers as usize, "worker");
    format!("{workers} with batches of {}", Count(cell.batch_size))
}

/// Jobs a second, whole from a hundred on.
fn rate(throughput: f64) -> String {
    if throughput < 100.0 {
        format!("{} jobs/s", Significant(throughput))
    } else {
        format!("{} jobs/s", Count(throughput.round() as u64))
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
