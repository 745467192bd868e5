//! Planted laws are found again; what is no law is said to be none.

use proptest::prelude::*;

use super::{Fit, Law, NoFit, Point, fit, next};

const SIZES: [f64; 6] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// Each size so many times, each value off by a share of at most `noise`.
fn measured(law: &Law, sizes: &[f64], repeats: usize, noise: f64, seed: u64) -> Vec<Point> {
    let mut state = seed;
    let mut off = || (next(&mut state) as f64 / u64::MAX as f64 * 2.0 - 1.0) * noise;
    let all = sizes
        .iter()
        .flat_map(|size| std::iter::repeat_n(*size, repeats));
    all.map(|workers| Point {
        workers,
        throughput: law.at(workers) * (1.0 + off()),
    })
    .collect()
}

fn points(values: &[(f64, f64)]) -> Vec<Point> {
    let point = |(workers, throughput): &(f64, f64)| Point {
        workers: *workers,
        throughput: *throughput,
    };
    values.iter().map(point).collect()
}

/// A ray tracer on an Origin 2000, Gunther's own example ("Guerrilla Capacity Planning", 2007, chapter 5), which has σ = 0.05 and next to no
/// κ by a quadratic through relative capacities; least squares of the throughput itself lie close.
#[test]
fn the_textbooks_example() {
    let found = fit(&points(&[
        (1.0, 20.0),
        (4.0, 78.0),
        (8.0, 130.0),
        (12.0, 170.0),
        (16.0, 190.0),
        (20.0, 200.0),
        (24.0, 210.0),
        (28.0, 230.0),
        (32.0, 260.0),
        (48.0, 280.0),
        (64.0, 310.0),
    ]))
    .expect("a law");
    let Law {
        lambda,
        sigma,
        kappa,
    } = found.law;
    assert!((18.0..24.0).contains(&lambda), "{found:?}");
    assert!((0.04..0.06).contains(&sigma), "{found:?}");
    assert!((0.0..1e-4).contains(&kappa), "{found:?}");
    assert!(found.r_squared > 0.98, "{found:?}");
}

#[test]
fn without_noise_the_law_is_found_exactly() {
    let law = Law {
        lambda: 5000.0,
        sigma: 0.08,
        kappa: 0.002,
    };
    let found = fit(&measured(&law, &SIZES, 1, 0.0, 1)).expect("a law");
    assert!(
        (found.law.lambda / law.lambda - 1.0).abs() < 1e-9,
        "{found:?}"
    );
    assert!(
        (found.law.sigma / law.sigma - 1.0).abs() < 1e-7,
        "{found:?}"
    );
    assert!(
        (found.law.kappa / law.kappa - 1.0).abs() < 1e-7,
        "{found:?}"
    );
    assert!(found.r_squared > 0.999_999);
    let peak = found.law.peak().expect("it falls");
    assert!((peak - (0.92_f64 / 0.002).sqrt()).abs() < 1e-3, "{peak}");
}

#[test]
fn throughput_that_does_not_fall_has_no_peak() {
    let linear = Law {
        lambda: 100.0,
        sigma: 0.0,
        kappa: 0.0,
    };
    let found = fit(&measured(&linear, &SIZES, 3, 0.0, 1)).expect("a law");
    assert!(
        found.law.sigma < 1e-9 && found.law.kappa < 1e-9,
        "{found:?}"
    );
    assert_eq!(linear.peak(), None);
    // Better than linear: as close as the law may come is a straight line.
    let beyond = points(&[(1.0, 100.0), (2.0, 220.0), (4.0, 500.0), (8.0, 1200.0)]);
    let found = fit(&beyond).expect("a law");
    assert_eq!((found.law.sigma, found.law.kappa), (0.0, 0.0));
    assert_eq!(found.law.peak(), None);
}

#[test]
fn workers_that_add_nothing_all_queue() {
    let flat = points(&[(1.0, 300.0), (2.0, 300.0), (4.0, 300.0), (8.0, 300.0)]);
    let found = fit(&flat).expect("a law");
    assert!(
        (found.law.sigma - 1.0).abs() < 1e-6 && found.law.kappa < 1e-6,
        "{found:?}"
    );
    assert!((found.law.at(8.0) - 300.0).abs() < 1e-3);
    assert_eq!(found.r_squared.round(), 1.0, "nothing was to be explained");
}

#[test]
fn what_falls_from_the_beginning_peaks_at_one() {
    let falling = points(&[(1.0, 400.0), (2.0, 300.0), (4.0, 200.0), (8.0, 90.0)]);
    let found = fit(&falling).expect("a law");
    let peak = found.law.peak().expect("it falls");
    assert!((1.0..1.5).contains(&peak), "{peak} of {found:?}");
    assert!(found.law.at(8.0) < found.law.at(2.0));
}

#[test]
fn what_is_no_ground_for_a_law_is_refused() {
    assert_eq!(fit(&[]), Err(NoFit::FewSizes(0)));
    let one = points(&[(4.0, 1.0), (4.0, 2.0), (4.0, 3.0), (4.0, 4.0)]);
    assert_eq!(fit(&one), Err(NoFit::FewSizes(1)));
    let two = points(&[(1.0, 10.0), (2.0, 20.0)]);
    let refusal = fit(&two).expect_err("two sizes");
    assert_eq!(
        refusal.to_string(),
        "a law with three parameters needs 4 numbers of workers, not 2"
    );
    for throughput in [0.0, -3.0, f64::NAN, f64::INFINITY] {
        let mut some = points(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]);
        some[2].throughput = throughput;
        assert!(
            matches!(fit(&some), Err(NoFit::Impossible { .. })),
            "{throughput}"
        );
    }
    let none = points(&[(0.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]);
    assert!(matches!(fit(&none), Err(NoFit::Impossible { .. })));
}

#[test]
fn the_same_measurements_give_the_same_intervals() {
    let law = Law {
        lambda: 900.0,
        sigma: 0.1,
        kappa: 0.001,
    };
    let measured = measured(&law, &SIZES, 3, 0.04, 7);
    assert_eq!(fit(&measured), fit(&measured));
}

/// Of many sweeps with the same noise, about 95 in 100 intervals hold what was planted.
#[test]
fn intervals_hold_what_was_planted() {
    let law = Law {
        lambda: 5000.0,
        sigma: 0.1,
        kappa: 0.002,
    };
    let sweeps = 30;
    let fits: Vec<Fit> = (0..sweeps)
        .map(|seed| fit(&measured(&law, &SIZES, 3, 0.05, seed)).expect("a law"))
        .collect();
    let held = |ends: fn(&Fit) -> (f64, f64), planted: f64| {
        let holds = |fit: &&Fit| ends(fit).0 <= planted && planted <= ends(fit).1;
        fits.iter().filter(holds).count()
    };
    for (name, count) in [
        ("lambda", held(|fit| fit.lambda, law.lambda)),
        ("sigma", held(|fit| fit.sigma, law.sigma)),
        ("kappa", held(|fit| fit.kappa, law.kappa)),
    ] {
        assert!(count >= 25, "{name}: {count} of {sweeps}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn planted_laws_are_found_in_noise(
        lambda in 1.0..1e5_f64, sigma in 0.0..0.5_f64, kappa in 0.0..0.02_f64, seed in any::<u64>(),
    ) {
        let law = Law { lambda, sigma, kappa };
        let found = fit(&measured(&law, &SIZES, 3, 0.02, seed)).expect("a law");
        for size in SIZES {
            let (wanted, got) = (law.at(size), found.law.at(size));
            prop_assert!((got / wanted - 1.0).abs() < 0.06, "{got} for {wanted} at {size}: {found:?}");
        }
        prop_assert!(found.sigma.0 <= found.law.sigma && found.law.sigma <= found.sigma.1);
        prop_assert!((found.law.sigma - sigma).abs() < 0.12, "{found:?}");
    }

    #[test]
    fn whatever_is_measured_gives_a_law_or_a_reason(
        values in proptest::collection::vec((1u32..300, 1e-3..1e6_f64), 0..24),
    ) {
        let all: Vec<(f64, f64)> = values.iter().map(|(n, x)| (f64::from(*n), *x)).collect();
        if let Ok(found) = fit(&points(&all)) {
            let Law { lambda, sigma, kappa } = found.law;
            prop_assert!(lambda > 0.0 && sigma >= 0.0 && kappa >= 0.0, "{found:?}");
            prop_assert!(found.r_squared <= 1.0);
            prop_assert!(found.law.peak().is_none_or(|peak| peak >= 1.0));
        }
    }
}
