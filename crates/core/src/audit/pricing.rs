//! What the bytes of an audit cost.

use std::collections::BTreeMap;

use super::form::{Audit, PriceNote, RegistryAudit};
use crate::model::RegistryHost;
use crate::money::{Money, Product};

impl Audit {
    /// Fills in the bills: of each registry by the prices of its product, of each part at the average price of its
    /// registry. A registry without a product gets no figure.
    ///
    /// A part's share of the bill is `bill × stored bytes of the part ÷ stored bytes of the registry`. Parts overlap, and so do
    /// their costs.
    pub fn price(&mut self, products: &BTreeMap<RegistryHost, Product>, note: PriceNote) {
        for registry in &mut self.registries {
            let Some(product) = products.get(&registry.registry) else {
                continue;
            };
            let totals = &mut registry.totals;
            let pullable = totals.stored_bytes.saturating_sub(totals.archived_bytes);
            let bill = product.monthly(pullable, totals.archived_bytes);
            totals.cost_per_month = Some(bill.total);
            registry.product = Some(product.name.clone());
            registry.bill = Some(bill);
        }
        for row in &mut self.rows {
            let registry = self
                .registries
                .iter()
                .find(|registry| registry.registry == row.registry);
            row.holdings.cost_per_month = registry.and_then(|registry| share(registry, row.holdings.stored_bytes));
        }
        if self.registries.iter().any(|registry| registry.bill.is_some()) {
            self.prices = Some(note);
        }
    }
}

fn share(registry: &RegistryAudit, bytes: u64) -> Option<Money> {
    registry.bill.as_ref()?.total.share(bytes, registry.totals.stored_bytes)
}
