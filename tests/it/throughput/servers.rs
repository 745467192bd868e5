//! Drains on several servers, one after the other.

use super::{assert_emptied, drained};
use crate::place::Place;
use crate::program::{installation, installed};

#[test]
fn a_sweep_on_two_servers_is_told_of_each() {
    let own = installation();
    let mut others = installed().into_iter();
    let Some(other) = others.find(|one| one.version.major != own.version.major) else {
        return;
    };
    let place = Place::with_warm_cache();
    let both = format!("{},{}", own.bin_dir.display(), other.bin_dir.display());
    let run = drained(
        &place,
        &["quick", "--sweep=workers=1,2", "--postgres", &both],
    );
    let [own, other] = [own, other].map(|one| one.version.to_string());
    let on = run.results.iter().map(|result| &result.postgres);
    assert!(on.eq([&own, &own, &other, &other]));
    run.results.iter().for_each(|one| assert_emptied(one, 100));
    let scaled = run.scaling.iter().map(|scaling| &scaling.postgres);
    assert!(scaled.eq([&own, &other]), "{:?}", run.scaling);
    assert_eq!(run.environment.other_servers.len(), 1);
}
