//! Saved inventories, planned with a policy that takes all that it may.
//!
//! - The plan breaks no law, whatever the registry held.
//! - The order in which things are listed changes no byte of it (law 3).

use jettison_core::model::{InvalidJson, Inventory};

use crate::oracle::assert_error;
use crate::world::{World, facts, planned};

/// Looks at one input.
pub fn run(data: &[u8]) {
    let mut inventory = match serde_json::from_slice::<Inventory>(data) {
        Ok(inventory) => inventory,
        Err(error) => return assert_error(&InvalidJson::from(error)),
    };
    // Refused on the command line: nobody could tell which of the two is true.
    if inventory.repeated().is_some() {
        return;
    }
    let world = World::get();
    let plan = planned(&facts(&inventory, Some(&world.usage), &world.eager));
    inventory.repositories.reverse();
    for repository in &mut inventory.repositories {
        repository.tags.reverse();
        repository.manifests.reverse();
    }
    let again = planned(&facts(&inventory, Some(&world.usage), &world.eager));
    assert_eq!(plan.id, again.id, "the order of the input changed the plan");
}
