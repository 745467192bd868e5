//! What a drain leaves in the run folder beside `run.json`: its series and its histograms.

use std::collections::BTreeMap;

use super::{RunStore, StoreError, file_name, whole_file};

impl RunStore {
    /// Writes `series.csv` of the result with this number in `results`, from 1, and gives the file's name within the run folder. From
    /// the second result on the number is in the name: `series.2.csv`.
    ///
    /// # Errors
    /// [`StoreError::Write`] where the file cannot be written.
    pub fn write_series(&self, result: usize, text: &str) -> Result<String, StoreError> {
        self.write_measurement("series", result, "csv", text)
    }

    /// Writes the histogram logs of the result with this number in `results`, from 1, given by operation: `fetch.hlog`, from the second
    /// result on `fetch.2.hlog`. Gives the files' names within the run folder, by operation.
    ///
    /// # Errors
    /// [`StoreError::Write`] where a file cannot be written; those written before it stay.
    pub fn write_histograms(
        &self,
        result: usize,
        logs: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let written = logs.iter().map(|(operation, text)| {
            let name = self.write_measurement(operation, result, "hlog", text)?;
            Ok((operation.clone(), name))
        });
        written.collect()
    }

    /// Replaces a file of the same name: one that an earlier call for the same result had written.
    fn write_measurement(
        &self,
        stem: &str,
        result: usize,
        extension: &str,
        text: &str,
    ) -> Result<String, StoreError> {
        let stem = file_name(stem);
        let name = if result <= 1 {
            format!("{stem}.{extension}")
        } else {
            format!("{stem}.{result}.{extension}")
        };
        let path = self.folder.join(&name);
        whole_file::replace(&path, text.as_bytes())
            .map_err(|source| StoreError::Write { path, source })?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::RunStore;
    use crate::run::RunKind;

    #[test]
    fn each_result_has_its_own_files() {
        let out = tempfile::tempdir().unwrap();
        let now = "2026-11-21T09:13:04Z".parse().unwrap();
        let store = RunStore::create(out.path(), RunKind::Throughput, now).unwrap();
        let logs = |text: &str| {
            ["fetch", "step-load"]
                .map(|operation| (operation.to_owned(), format!("{operation} {text}")))
                .into_iter()
                .collect::<BTreeMap<String, String>>()
        };
        assert_eq!(store.write_series(1, "first").unwrap(), "series.csv");
        assert_eq!(store.write_series(2, "second").unwrap(), "series.2.csv");
        let first = store.write_histograms(1, &logs("first")).unwrap();
        let second = store.write_histograms(2, &logs("second")).unwrap();
        assert_eq!(first["step-load"], "step-load.hlog");
        assert_eq!(second["fetch"], "fetch.2.hlog");
        let read = |name: &str| fs::read_to_string(store.folder().join(name)).unwrap();
        assert_eq!(read("series.csv"), "first");
        assert_eq!(read("series.2.csv"), "second");
        assert_eq!(read("fetch.hlog"), "fetch first");
        assert_eq!(read("step-load.2.hlog"), "step-load second");
        assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 6);
    }
}
