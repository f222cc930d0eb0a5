//! What an account of AWS runs. So far nothing is asked: every place is a gap, so that nothing is deleted for it.

use jettison_core::config::AwsSource;

use super::said::Said;

/// Notes for each account and region that nobody could tell what runs there.
pub(super) fn ask(source: &AwsSource, said: &mut Said) {
    for place in source.places() {
        said.gap(format!("{place}: this version cannot ask AWS yet what runs there"));
    }
}
