//! EXPLAIN (FORMAT XML) as JSON.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use serde_json::Value;

use super::writer::{Writer, scalar};

/// Elements that are lists, whatever is in them; so is one whose first part is an `Item`.
const LISTS: [&str; 7] = [
    "explain",
    "Grouping-Sets",
    "Group-Keys",
    "Hash-Keys",
    "Plans",
    "Target-Tables",
    "Triggers",
];

/// Elements whose value is a text, though it may look like a number.
const TEXTS: [&str; 24] = [
    "Alias",
    "CTE-Name",
    "Constraint-Name",
    "Filter",
    "Function-Name",
    "Hash-Cond",
    "Index-Cond",
    "Index-Name",
    "Item",
    "Join-Filter",
    "Merge-Cond",
    "Node-Type",
    "One-Time-Filter",
    "Order-By",
    "Query-Text",
    "Recheck-Cond",
    "Relation",
    "Relation-Name",
    "Schema",
    "Subplan-Name",
    "TID-Cond",
    "Trigger-Name",
    "Tuplestore-Name",
    "Custom-Plan-Provider",
];

/// Keys that do not come out of a tag by reading its hyphens as blanks.
const KEYS: [(&str, &str); 4] = [
    ("I O ", "I/O "),
    ("One Time Filter", "One-Time Filter"),
    ("Full sort Groups", "Full-sort Groups"),
    ("Pre sorted Groups", "Pre-sorted Groups"),
];

/// An element that has begun.
struct Element {
    tag: String,
    text: String,
    /// Whether it has parts and was therefore begun in JSON.
    is_begun: bool,
}

/// The same document as JSON; where it is broken, what is before that, with what is wrong.
pub(super) fn to_json(text: &str) -> Result<String, (String, String)> {
    let mut reader = Reader::from_str(text);
    let mut writer = Writer::default();
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event() {
            Err(error) => return Err((writer.finish(), error.to_string())),
            Ok(Event::Eof) => break,
            Ok(Event::Start(start)) => {
                begin(&mut writer, &mut open, start.name().as_ref().to_owned())
            }
            Ok(Event::Empty(empty)) => {
                begin(&mut writer, &mut open, empty.name().as_ref().to_owned());
                end(&mut writer, &mut open);
            }
            Ok(Event::End(_)) => end(&mut writer, &mut open),
            Ok(Event::Text(part)) => add_text(&mut open, &part),
            Ok(Event::CData(part)) => add_text(&mut open, &part),
            Ok(Event::GeneralRef(reference)) => add_text(&mut open, &resolved(&reference)),
            Ok(_) => {}
        }
    }
    if open.is_empty() {
        Ok(writer.finish())
    } else {
        Err((writer.finish(), "it ends in the middle".to_owned()))
    }
}

/// A character written as `&lt;` or `&#38;`; what is neither stays as it is.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(symbol)) = reference.resolve_char_ref() {
        return symbol.to_string();
    }
    let name: &str = reference;
    resolve_predefined_entity(name).map_or_else(|| format!("&{name};"), str::to_owned)
}

fn add_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn begin(writer: &mut Writer, open: &mut Vec<Element>, tag: String) {
    if let Some(parent) = open.last_mut()
        && !parent.is_begun
    {
        parent.is_begun = true;
        begin_parts(writer, &parent.tag, &tag);
    }
    open.push(Element {
        tag,
        text: String::new(),
        is_begun: false,
    });
}

/// Begins the list or object that an element is; a Worker's parent is a list, because there are no others in it.
fn begin_parts(writer: &mut Writer, tag: &str, first: &str) {
    let key = key(tag);
    if LISTS.contains(&tag) || first == "Item" || tag == "Workers" {
        writer.begin_array(Some(&key));
    } else {
        writer.begin_object(Some(&key));
    }
}

fn end(writer: &mut Writer, open: &mut Vec<Element>) {
    let Some(element) = open.pop() else {
        return;
    };
    if element.is_begun {
        return writer.end();
    }
    let tag = element.tag.as_str();
    let key = key(tag);
    if LISTS.contains(&tag) {
        writer.begin_array(Some(&key));
        return writer.end();
    }
    let within_settings = open.last().is_some_and(|parent| parent.tag == "Settings");
    let value = if within_settings || TEXTS.contains(&tag) {
        Value::from(element.text)
    } else {
        scalar(&element.text)
    };
    let key = if within_settings { element.tag } else { key };
    writer.value(Some(&key), &value);
}

/// The key that EXPLAIN made the tag of.
fn key(tag: &str) -> String {
    let blank = tag.replace('-', " ");
    KEYS.iter()
        .find_map(|(without, key)| {
            let rest = |part: &str| {
                blank
                    .split_once(part)
                    .map(|(before, after)| format!("{before}{key}{after}"))
            };
            rest(without)
        })
        .unwrap_or(blank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_keys_and_lists_stay_lists() {
        let text = r#"<explain xmlns="http://www.postgresql.org/2009/explain"><Query>
            <Plan><Node-Type>Limit</Node-Type><Alias>1</Alias><Shared-I-O-Read-Time>0.5</Shared-I-O-Read-Time>
              <One-Time-Filter>(a &lt; &#39;x&#39;)</One-Time-Filter><Output><Item>1</Item></Output>
              <Plans><Plan><Node-Type>Result</Node-Type><Parallel-Aware>false</Parallel-Aware></Plan></Plans></Plan>
            <Settings><work_mem>64</work_mem></Settings><Triggers></Triggers></Query></explain>"#;
        let expected = r#"[{"Plan":{"Node Type":"Limit","Alias":"1","Shared I/O Read Time":0.5,"One-Time Filter":"(a < 'x')","Output":["1"],"Plans":[{"Node Type":"Result","Parallel Aware":false}]},"Settings":{"work_mem":"64"},"Triggers":[]}]"#;
        assert_eq!(to_json(text).unwrap(), expected);
    }

    #[test]
    fn what_is_broken_keeps_its_beginning() {
        for half in [
            "<explain><Query><Plan><Node-Type>Limit</Node-Type><Ali",
            "<explain><Query><Plan><Node-Type>Limit</Node-Type></Query>",
        ] {
            let (json, _) = to_json(half).unwrap_err();
            assert!(
                json.starts_with(r#"[{"Plan":{"Node Type":"Limit""#),
                "{json}"
            );
        }
    }
}
