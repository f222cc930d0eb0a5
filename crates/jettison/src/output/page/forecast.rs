//! Where the curve goes: stored bytes and bills, month by month, with and without the policy.

use jettison_core::audit::Audit;

use super::charts::Chart;

pub(super) fn charts(_audit: &Audit) -> Vec<Chart> {
    Vec::new()
}
