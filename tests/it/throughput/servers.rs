//! Drains on several servers, one after the other.

use super::{assert_emptied, drained};
use crate::place::Place;
use crate::program::{another_version, installation};

#[test]
fn a_sweep_on_two_servers_is_told_of_each() {
    // A server that is fetched stays out of what other tests find.
    let place = Place::new();
    let both = format!("{},{}", installation().bin_dir.display(), another_version());
    let run = drained(
        &place,
        &["quick", "--sweep=workers=1,2", "--postgres", &both],
    );
    let own = installation().version.to_string();
    let on = run.results.iter().map(|result| &result.postgres);
    let [_, _, other, _] = on.clone().collect::<Vec<_>>()[..] else {
        panic!("four drains: {:?}", run.results);
    };
    assert_ne!(*other, own);
    assert!(on.eq([&own, &own, other, other]));
    run.results.iter().for_each(|one| assert_emptied(one, 100));
    let scaled = run.scaling.iter().map(|scaling| &scaling.postgres);
    assert!(scaled.eq([&own, other]), "{:?}", run.scaling);
    assert_eq!(run.environment.other_servers.len(), 1);
}
