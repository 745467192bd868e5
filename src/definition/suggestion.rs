//! "Did you mean": the known word nearest to one that is not known.

/// The word of `known` that `word` was probably meant to be; none where nothing is close.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), candidate);
    let close = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|&(distance, _)| distance <= close)
        .min()
        .map(|(_, word)| word)
}

/// Help for a word that is not known: the nearest known one, or else all of them after `what`, for example `operations`.
pub(super) fn did_you_mean<'a>(
    word: &str,
    what: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(word, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let listed: Vec<String> = known.into_iter().map(|word| format!("`{word}`")).collect();
            if listed.is_empty() {
                format!("there are no {what}")
            } else {
                format!("{what}: {}", listed.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_close_is_suggested() {
        let known = ["fetch", "complete", "fail"];
        assert_eq!(nearest("fetsh", known), Some("fetch"));
        assert_eq!(nearest("Complet", known), Some("complete"));
        assert_eq!(nearest("enqueue", known), None);
        assert_eq!(
            did_you_mean("fial", "operations", known),
            "did you mean `fail`?"
        );
        assert_eq!(
            did_you_mean("x", "operations", known),
            "operations: `fetch`, `complete`, `fail`"
        );
        assert_eq!(
            did_you_mean("x", "parameters", []),
            "there are no parameters"
        );
    }
}
