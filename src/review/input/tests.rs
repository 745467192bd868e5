//! Files, folders and streams, as they are and damaged.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const PLAN: &str = "[{\"Plan\": {\"Node Type\": \"Result\"}}]";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn of_input(bytes: impl Into<Vec<u8>>) -> Gathered {
    gather(&["-".to_owned()], Cursor::new(bytes.into()))
}

fn messages(gathered: &Gathered) -> Vec<&str> {
    let problems = gathered.problems.iter();
    problems.map(|problem| problem.message.as_str()).collect()
}

#[test]
fn standard_input_is_read_once_plain_or_packed() {
    let twice = ["-".to_owned(), "-".to_owned()];
    let gathered = gather(&twice, Cursor::new(PLAN));
    assert_eq!(
        (gathered.plans.len(), gathered.plans[0].source.path.as_str()),
        (1, "-")
    );
    assert_eq!(of_input(gzip(PLAN.as_bytes())).plans.len(), 1);
    let members = [gzip(PLAN.as_bytes()), gzip(b"\n"), gzip(PLAN.as_bytes())].concat();
    assert_eq!(of_input(members).plans.len(), 2);
}

#[test]
fn a_damaged_gzip_is_a_problem_and_its_beginning_is_read() {
    let text: String = (0..5_000)
        .map(|number| {
            format!(
                "[{{\"Plan\": {{\"Node Type\": \"Result\", \"Number\": {}}}}}]\n",
                number * 7919 % 10_007
            )
        })
        .collect();
    let mut packed = gzip(text.as_bytes());
    packed.truncate(packed.len() / 2);
    let gathered = of_input(packed);
    assert!(gathered.plans.len() > 1_000, "{}", gathered.plans.len());
    assert!(
        messages(&gathered)
            .iter()
            .any(|message| message.contains("gzip is damaged")),
        "{:?}",
        messages(&gathered)
    );
    let gathered = of_input([0x1f, 0x8b, 1, 2, 3]);
    assert!(messages(&gathered)[0].contains("gzip is damaged behind 0 bytes"));
}

#[test]
fn what_is_no_document_is_said() {
    let utf16: Vec<u8> = "\u{feff}[{"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, part) in [
        (utf16, "UTF-16"),
        (vec![0x7f, b'E', b'L', b'F', 0, 1, 2, 0xff], "no text"),
        (b"hello".to_vec(), "no plan found"),
        (Vec::new(), "no plan found"),
    ] {
        let gathered = of_input(bytes);
        assert_eq!(gathered.plans.len(), 0);
        assert!(
            messages(&gathered)[0].contains(part),
            "{:?}",
            messages(&gathered)
        );
    }
    // Bytes that are no UTF-8 in a plan do no harm.
    let latin =
        b"Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  Filter: (a = 'caf\xe9'::text)\n"
            .to_vec();
    let gathered = of_input(latin);
    assert_eq!((gathered.plans.len(), messages(&gathered).len()), (1, 0));
}

#[test]
fn a_log_is_handed_on_from_its_first_byte() {
    let log = format!(
        "2026-11-21 UTC [1] LOG:  duration: 1 ms  plan:\n{}",
        "\tx\n".repeat(60_000)
    );
    for bytes in [log.clone().into_bytes(), gzip(log.as_bytes())] {
        let mut gathered = of_input(bytes);
        assert!(gathered.plans.is_empty() && gathered.problems.is_empty());
        let mut content = String::new();
        gathered.logs[0]
            .content
            .read_to_string(&mut content)
            .unwrap();
        assert_eq!(content, log);
    }
}

#[test]
fn folders_are_read_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("b.json", PLAN);
    write("a/inner.plan", "Result  (cost=0.00..1.00 rows=1 width=4)\n");
    write(
        "c.weird",
        " QUERY PLAN\n----\n Result  (cost=0.00..1.00 rows=1 width=4)\n",
    );
    write("half.json", "[{\"Plan\": {\"Node Type\": \"Result\",");
    write("README.md", "words\n");
    write("notes.weird", "words\n");
    write(".hidden/d.json", PLAN);
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("to-analyse/sample");
    let names = |paths: &[&std::path::Path]| {
        paths
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
    };
    let lost = folder.path().join("lost.json");
    let gathered = gather(&names(&[folder.path(), &sample, &lost]), io::empty());
    let file = |path: &str| {
        std::path::Path::new(path)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    let found: Vec<String> = gathered
        .plans
        .iter()
        .map(|found| file(&found.source.path))
        .collect();
    assert_eq!(found, ["inner.plan", "b.json", "c.weird", "half.json"]);
    assert_eq!(
        gathered
            .problems
            .iter()
            .map(|problem| file(&problem.source.path))
            .collect::<Vec<_>>(),
        ["half.json", "lost.json"]
    );
    assert!(messages(&gathered)[1].contains("check the path"));
    let without: Vec<String> = gathered
        .without_plans
        .iter()
        .map(|path| file(path))
        .collect();
    assert_eq!(without, ["README.md", "notes.weird", "README.md"]);
    assert_eq!(gathered.runs.len(), 1);
    assert!(!gathered.runs[0].plans.is_empty());
}

#[test]
fn an_empty_folder_and_a_named_file_without_plans_are_problems() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let words = folder.path().join("words.md");
    fs::write(&words, "words").unwrap();
    let gathered = gather(
        &[empty, words].map(|path| path.display().to_string()),
        io::empty(),
    );
    assert!(
        messages(&gathered)[0].contains("folder is empty"),
        "{:?}",
        messages(&gathered)
    );
    assert!(messages(&gathered)[1].contains("no plan found"));
}
