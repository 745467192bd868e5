//! Tests of whole comparisons.

use super::sample;
use crate::report::{ComparisonFormat, Layout, render_comparison};

fn plain(width: usize) -> Layout<'static> {
    Layout {
        width,
        color: false,
        folder: None,
    }
}

#[test]
fn look() {
    for comparison in [sample::comparison(), sample::quiet(), sample::unlike()] {
        println!(
            "{}\n=======",
            render_comparison(&comparison, ComparisonFormat::Markdown, plain(100))
        );
    }
}
