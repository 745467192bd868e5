//! Reading a server log with auto_explain's entries, on one core and on two, against `grep -c` on the same file.
//!
//! No criterion: what counts are ratios of things that take seconds, measured in turn. The log is stderr's, 512 MB (or
//! `PGQ_ANALYZE_MEGABYTES`), and made here: first one entry of auto_explain to nine ordinary messages, then nothing but entries. Half of the
//! entries are in text format, half in JSON; two in six have literals that no other has, one a data-modifying CTE, one a plan that flips.

// It serves benches with a server too.
#[allow(dead_code)]
mod environment;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, ensure};
use pgq_analyze::load::memory::peak_rss_bytes;
use pgq_analyze::review::log::read_log;
use pgq_analyze::run::plan_result::Summary;
use pgq_analyze::stats::splitmix::hash_of;
use pgq_analyze::units::Bytes;

/// We must reach this part of grep's speed on one core.
const GREP_TARGET: f64 = 0.2;

/// Two cores must be so many times as fast as one.
const CORES_TARGET: f64 = 1.7;

fn main() -> ExitCode {
    environment::end(run().map(Ok))
}

fn run() -> anyhow::Result<()> {
    let measuring = environment::measuring();
    let megabytes: u64 =
        environment::number("PGQ_ANALYZE_MEGABYTES")?.unwrap_or(if measuring { 512 } else { 4 });
    let rounds: u32 =
        environment::number("PGQ_ANALYZE_ROUNDS")?.unwrap_or(if measuring { 5 } else { 1 });
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    for (name, ordinary) in [
        ("one entry to nine ordinary messages", 9),
        ("nothing but entries", 0),
    ] {
        let path = folder.path().join("server.log");
        let made = make(&path, megabytes << 20, ordinary).context("cannot write the log")?;
        println!(
            "{name}: {} in {} lines, {} entries\n",
            Bytes(made.bytes),
            made.lines,
            made.entries
        );
        contest(&path, &made, rounds)?;
    }
    println!("peak memory of this program: {}", Bytes(peak_rss_bytes()));
    Ok(())
}

/// A round for each way to read the log, in turn.
fn contest(path: &Path, made: &Made, rounds: u32) -> anyhow::Result<()> {
    let (mut to_grep, mut to_one) = (Vec::new(), Vec::new());
    grep(path, made)?;
    println!("round  grep s  one core s  ratio  two cores s  ratio");
    for round in 1..=rounds {
        let (grep, one, two) = (
            grep(path, made)?,
            read(path, made, 1)?,
            read(path, made, 2)?,
        );
        println!(
            "{round:>5}  {grep:>6.3}  {one:>10.3}  {:>5.2}  {two:>11.3}  {:>5.2}",
            grep / one,
            one / two
        );
        to_grep.push(grep / one);
        to_one.push(one / two);
    }
    let median = |ratios| Summary::of(ratios).p50.unwrap_or(f64::NAN);
    let (to_grep, to_one) = (median(to_grep), median(to_one));
    let verdict = |reached| if reached { "reached" } else { "missed" };
    println!(
        "\n{to_grep:.2} of grep's speed on one core (median; at least {GREP_TARGET}: {})",
        verdict(to_grep >= GREP_TARGET)
    );
    println!(
        "two cores are {to_one:.2} times as fast (median; at least {CORES_TARGET}: {})\n",
        verdict(to_one >= CORES_TARGET)
    );
    Ok(())
}

/// Seconds that `grep -c` takes, in the language of this environment.
fn grep(path: &Path, made: &Made) -> anyhow::Result<f64> {
    let started = Instant::now();
    let output = Command::new("grep")
        .args(["-c", "plan:"])
        .arg(path)
        .output()
        .context("cannot run grep")?;
    let seconds = started.elapsed().as_secs_f64();
    let counted: u64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .context("grep counts nothing")?;
    ensure!(
        counted == made.entries,
        "grep counts {counted} of {} entries",
        made.entries
    );
    Ok(seconds)
}

/// Seconds that we take.
fn read(path: &Path, made: &Made, threads: usize) -> anyhow::Result<f64> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let started = Instant::now();
    let review = pool.install(|| File::open(path).map(|file| read_log("server.log", file)))?;
    let seconds = started.elapsed().as_secs_f64();
    let calls: u64 = review
        .statements
        .iter()
        .map(|statement| statement.calls)
        .sum();
    let pages: u64 = review
        .statements
        .iter()
        .filter_map(|statement| statement.total_pages)
        .sum();
    ensure!(review.problems.is_empty(), "{:?}", review.problems.first());
    ensure!(
        (calls, pages) == (made.entries, made.pages),
        "{calls} entries with {pages} pages, not {} with {}",
        made.entries,
        made.pages
    );
    ensure!(
        review.statements.len() == ENTRIES.len(),
        "{} statements",
        review.statements.len()
    );
    Ok(seconds)
}

/// What was written.
#[derive(Default)]
struct Made {
    bytes: u64,
    lines: u64,
    entries: u64,
    pages: u64,
}

/// Writes a log of about so many bytes, with so many ordinary messages before each entry.
fn make(path: &Path, bytes: u64, ordinary: u64) -> std::io::Result<Made> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut made = Made::default();
    while made.bytes < bytes {
        let number = made.entries;
        let random = |what: u64, below: u64| hash_of(&[number, what]) % below;
        let prefix = format!(
            "2026-03-01 12:{:02}:{:02}.{:03} UTC [{}] app@jobs ",
            number / 60 % 60,
            number % 60,
            random(0, 1_000),
            4_000 + random(1, 64)
        );
        let mut text: String = (0..ordinary)
            .map(|message| prefix.clone() + &ordinary_message(random(2 + message, 4), number))
            .collect();
        let which = random(20, ENTRIES.len() as u64) as usize;
        let figures = Figures {
            number,
            pages: random(21, 5_000),
            micros: random(22, 900_000),
            flips: random(23, 2) == 0,
        };
        let message = format!(
            "LOG:  duration: {}.{:03} ms  plan:\n",
            figures.micros / 1_000,
            figures.micros % 1_000
        );
        let body: String = ENTRIES[which](&figures)
            .lines()
            .map(|line| format!("\t{line}\n"))
            .collect();
        text += &(prefix + &message + &body);
        made.bytes += text.len() as u64;
        made.lines += text.lines().count() as u64;
        made.entries += 1;
        made.pages += figures.pages;
        file.write_all(text.as_bytes())?;
    }
    file.flush()?;
    Ok(made)
}

fn ordinary_message(which: u64, number: u64) -> String {
    match which {
        0 => format!(
            "LOG:  duration: 0.{:03} ms  statement: select id, state from job where id = {number}\n",
            number % 1_000
        ),
        1 => format!(
            "ERROR:  duplicate key value violates unique constraint \"job_key\"\n\tin a row of {number}\n"
        ),
        2 => "LOG:  connection authorized: user=app database=jobs application_name=worker\n"
            .to_owned(),
        _ => format!("DETAIL:  Key (task_key)=(task-{number}) already exists.\n"),
    }
}

/// What varies from entry to entry.
struct Figures {
    number: u64,
    pages: u64,
    micros: u64,
    flips: bool,
}

/// One statement each.
const ENTRIES: [fn(&Figures) -> String; 6] = [
    fetch,
    by_literal,
    complete,
    archive,
    flipping,
    by_literal_in_json,
];

impl Figures {
    fn actual(&self) -> String {
        let time = self.micros as f64 / 1_000.0;
        format!(
            "(actual time={:.3}..{time:.3} rows={} loops=1)",
            time / 2.0,
            self.pages % 100
        )
    }

    fn buffers(&self) -> String {
        let read = self.pages / 3;
        match read {
            0 => format!("Buffers: shared hit={}", self.pages),
            _ => format!(
                "Buffers: shared hit={} read={read} dirtied={}",
                self.pages - read,
                1 + read / 2
            ),
        }
    }

    /// A node in JSON, without its bracket.
    fn json(&self, indent: usize, kind: &str, keys: &[&str]) -> String {
        let time = self.micros as f64 / 1_000.0;
        let keys: String = keys.iter().map(|key| format!("{key},\n")).collect();
        let read = self.pages / 3;
        let text = format!(
            "\"Node Type\": \"{kind}\",\n{keys}\"Parallel Aware\": false,\n\"Async Capable\": false,\n\"Startup Cost\": 0.42,\n\
             \"Total Cost\": {time:.2},\n\"Plan Rows\": {},\n\"Plan Width\": 48,\n\"Actual Startup Time\": {:.3},\n\
             \"Actual Total Time\": {time:.3},\n\"Actual Rows\": {},\n\"Actual Loops\": 1,\n\"Shared Hit Blocks\": {},\n\
             \"Shared Read Blocks\": {read},\n\"Shared Dirtied Blocks\": 0,\n\"Shared Written Blocks\": 0,\n\"Local Hit Blocks\": 0,\n\
             \"Local Read Blocks\": 0,\n\"Local Dirtied Blocks\": 0,\n\"Local Written Blocks\": 0,\n\"Temp Read Blocks\": 0,\n\
             \"Temp Written Blocks\": 0",
            self.pages % 90,
            time / 2.0,
            self.pages % 100,
            self.pages - read
        );
        text.lines()
            .map(|line| format!("{:indent$}{line}\n", ""))
            .collect()
    }
}

fn fetch(figures: &Figures) -> String {
    let (actual, buffers) = (figures.actual(), figures.buffers());
    format!(
        "Query Text: update job set state = 'running', attempts = attempts + 1, locked_at = now()\n\
         where id = any (array(select id from job where queue = $1 and state = 'ready' and run_at <= now()\n\
         \x20   order by priority, run_at, id limit $2 for update skip locked))\n\
         returning id, task_key, payload\n\
         Query Parameters: $1 = 'default', $2 = '{}'\n\
         Update on job  (cost=1.09..9.11 rows=10 width=94) {actual}\n  {buffers}\n\
         \x20 InitPlan 1 (returns $2)\n\
         \x20   ->  Limit  (cost=0.42..0.67 rows=1 width=26) {actual}\n          {buffers}\n\
         \x20         ->  LockRows  (cost=0.42..2530.09 rows=9000 width=26) {actual}\n                {buffers}\n\
         \x20               ->  Index Scan using job_ready on job job_1  (cost=0.42..2440.09 rows=9000 width=26) {actual}\n\
         \x20                     Index Cond: ((queue = 'default'::text) AND (run_at <= now()))\n                      {buffers}\n\
         \x20 ->  Index Scan using job_pkey on job  (cost=0.42..8.44 rows=10 width=94) {actual}\n\
         \x20       Index Cond: (id = ANY ($2))\n        {buffers}\n",
        figures.number % 100
    )
}

fn by_literal(figures: &Figures) -> String {
    let (actual, buffers, number) = (figures.actual(), figures.buffers(), figures.number);
    format!(
        "Query Text: select j.id, j.payload, e.message from job j left join error e on e.job_id = j.id where j.task_key = 'task-{number}' and j.id in ({number}, {})\n\
         Nested Loop Left Join  (cost=0.71..16.76 rows=1 width=94) {actual}\n  {buffers}\n\
         \x20 ->  Index Scan using job_task_key on job j  (cost=0.42..8.44 rows=1 width=94) {actual}\n\
         \x20       Index Cond: (task_key = 'task-{number}'::text)\n\
         \x20       Filter: (id = ANY ('{{{number},{}}}'::bigint[]))\n\
         \x20       Rows Removed by Filter: {}\n        {buffers}\n\
         \x20 ->  Index Scan using error_job_id on error e  (cost=0.29..8.31 rows=1 width=40) {actual}\n\
         \x20       Index Cond: (job_id = j.id)\n        {buffers}\n",
        number + 1,
        number + 1,
        number % 7
    )
}

fn complete(figures: &Figures) -> String {
    let node = figures.json(
        4,
        "ModifyTable",
        &[
            "\"Operation\": \"Update\"",
            "\"Relation Name\": \"job\"",
            "\"Alias\": \"job\"",
        ],
    );
    let scan = figures.json(
        8,
        "Index Scan",
        &[
            "\"Parent Relationship\": \"Outer\"",
            "\"Scan Direction\": \"Forward\"",
            "\"Index Name\": \"job_pkey\"",
            "\"Relation Name\": \"job\"",
            "\"Alias\": \"job\"",
            "\"Index Cond\": \"(id = ANY ($1))\"",
            "\"Rows Removed by Index Recheck\": 0",
        ],
    );
    in_json(
        "update job set state = 'completed', finished_at = now() where id = any ($1)",
        &with_input(&node, &scan),
    )
}

/// The deleting CTE is read to its end, so its pages are among the root's.
fn archive(figures: &Figures) -> String {
    let (actual, buffers) = (figures.actual(), figures.buffers());
    format!(
        "Query Text: with moved as (delete from job where id = any ($1) returning *) insert into archive select * from moved\n\
         Insert on archive  (cost=11.28..13.28 rows=0 width=0) {actual}\n  {buffers}\n  CTE moved\n\
         \x20   ->  Delete on job  (cost=0.28..11.28 rows=100 width=6) {actual}\n          {buffers}\n\
         \x20         ->  Index Scan using job_pkey on job  (cost=0.28..11.28 rows=100 width=6) {actual}\n\
         \x20               Index Cond: (id = ANY ($1))\n                {buffers}\n\
         \x20 ->  CTE Scan on moved  (cost=0.00..2.00 rows=100 width=40) {actual}\n        {buffers}\n"
    )
}

fn flipping(figures: &Figures) -> String {
    let node = figures.json(
        4,
        "Aggregate",
        &["\"Strategy\": \"Plain\"", "\"Partial Mode\": \"Simple\""],
    );
    let outer = "\"Parent Relationship\": \"Outer\"";
    let scan = if figures.flips {
        figures.json(
            8,
            "Seq Scan",
            &[
                outer,
                "\"Relation Name\": \"job\"",
                "\"Alias\": \"job\"",
                "\"Filter\": \"(state = $1)\"",
            ],
        )
    } else {
        let names = [
            "\"Index Name\": \"job_state\"",
            "\"Relation Name\": \"job\"",
            "\"Alias\": \"job\"",
        ];
        figures.json(
            8,
            "Index Only Scan",
            &[
                outer,
                names[0],
                names[1],
                names[2],
                "\"Index Cond\": \"(state = 'ready'::text)\"",
            ],
        )
    };
    in_json(
        "select count(*) from job where state = $1",
        &with_input(&node, &scan),
    )
}

fn by_literal_in_json(figures: &Figures) -> String {
    let condition = format!("\"Index Cond\": \"(id = '{}'::bigint)\"", figures.number);
    let names = [
        "\"Scan Direction\": \"Forward\"",
        "\"Index Name\": \"event_job\"",
        "\"Relation Name\": \"event\"",
        "\"Alias\": \"event\"",
    ];
    let node = figures.json(
        4,
        "Index Scan",
        &[names[0], names[1], names[2], names[3], &condition],
    );
    in_json(
        &format!(
            "select at, message from event\\nwhere job_id = {} -- of one job",
            figures.number
        ),
        &node,
    )
}

fn with_input(node: &str, input: &str) -> String {
    format!(
        "{},\n    \"Plans\": [\n      {{\n{input}      }}\n    ]\n",
        node.trim_end()
    )
}

fn in_json(query: &str, plan: &str) -> String {
    format!("{{\n  \"Query Text\": \"{query}\",\n  \"Plan\": {{\n{plan}  }}\n}}\n")
}
